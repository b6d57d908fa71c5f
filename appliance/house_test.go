package appliance_test

import (
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the top of the project, seen from this package.
const root = ".."

// TestTopLevel holds the visible top level to what the customer fixed.
func TestTopLevel(t *testing.T) {
	allowed := []string{"go.mod", "go.sum", "main.go", "ui", "appliance", "config.example.toml", "README.md",
		"holdfast"} // a binary that was just built; git ignores it
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s stands at the top level", e.Name())
		}
	}
}

// rules say who must not import whom (design.md 2). A package is named by its folder; a rule holds for what lies below.
var rules = []struct {
	who      string
	not      []string
	only     []string // with only: of our own packages nothing else
	whatever string
}{
	{who: "appliance", not: []string{"holdfast/ui", "charm.land/", "github.com/charmbracelet/"}, whatever: "knows no terminal"},
	{who: "appliance/lxca", not: []string{"holdfast/appliance/ecb", "holdfast/appliance/fleet"}, whatever: "knows one appliance"},
	{who: "appliance/ecb", not: []string{"holdfast/appliance/lxca", "holdfast/appliance/fleet"}, whatever: "knows one appliance"},
	{who: "appliance/sim", only: []string{"holdfast/appliance/sim"}, whatever: "shares nothing with a client"},
	{who: "appliance/clock", only: []string{"holdfast/appliance"}, whatever: "stands on the vocabulary alone"},
	{who: "appliance/lease", only: []string{"holdfast/appliance"}, whatever: "stands on the vocabulary alone"},
	{who: "appliance/secret", only: []string{"holdfast/appliance"}, whatever: "stands on the vocabulary alone"},
	{who: "appliance/policy", only: []string{"holdfast/appliance"}, whatever: "stands on the vocabulary alone"},
	{who: "ui/widget", not: []string{"holdfast/appliance/fleet", "holdfast/ui/app"}, whatever: "draws and knows no fleet"},
}

// TestHouse holds every package to the rules of who may import whom.
func TestHouse(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		checked++
		for _, imp := range f.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			for _, why := range broken(filepath.ToSlash(filepath.Dir(rel)), name) {
				t.Errorf("%s imports %s: %s", rel, name, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 50 {
		t.Errorf("only %d files were found", checked)
	}
}

// broken is the rules that a package breaks by an import.
func broken(pkg, imported string) []string {
	var out []string
	for _, r := range rules {
		if pkg != r.who && !strings.HasPrefix(pkg, r.who+"/") {
			continue
		}
		for _, n := range r.not {
			if strings.HasPrefix(imported, n) {
				out = append(out, r.who+" "+r.whatever)
			}
		}
		if r.only != nil && strings.HasPrefix(imported, "holdfast/") && !slices.ContainsFunc(r.only, func(o string) bool {
			return imported == o || o == "holdfast/appliance/sim" && strings.HasPrefix(imported, o+"/")
		}) {
			out = append(out, r.who+" "+r.whatever)
		}
	}
	return out
}

// TestHouseRulesBite proves that the rules can fail.
func TestHouseRulesBite(t *testing.T) {
	for _, c := range []struct{ pkg, imported string }{
		{"appliance/fleet", "holdfast/ui/app"}, {"appliance", "charm.land/lipgloss/v2"}, {"appliance/lxca", "holdfast/appliance/ecb"},
		{"appliance/sim/broker", "holdfast/appliance/ecb"}, {"appliance/lease", "holdfast/appliance/clock"},
	} {
		if len(broken(c.pkg, c.imported)) == 0 {
			t.Errorf("%s may import %s", c.pkg, c.imported)
		}
	}
	for _, c := range []struct{ pkg, imported string }{
		{"appliance/sim", "holdfast/appliance/sim/kit"}, {"appliance/lease", "holdfast/appliance"}, {"ui/app", "holdfast/ui/theme"},
	} {
		if why := broken(c.pkg, c.imported); len(why) > 0 {
			t.Errorf("%s may not import %s: %s", c.pkg, c.imported, why)
		}
	}
}
