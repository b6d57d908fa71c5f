package dialog

import (
	"strings"
	"testing"
)

// closed is a list of which nothing can be taken.
func closed() Spec {
	s := destinations()
	s.Options = []Option{
		{Value: "internal", Label: "internal", WhyNot: "moving to internal is not described by the vendor; copy it, then delete the original"},
		{Value: "/mnt/a", Label: "/mnt/a", WhyNot: "it lies there already"},
	}
	return s
}

// Where nothing can be chosen the cursor stands nowhere, the dialog says so, and enter says why, of each.
func TestNothingToChoose(t *testing.T) {
	t.Parallel()
	d := New(closed())
	if s := screen(d, 80, 24); !strings.Contains(s, "none of these can be chosen; type a mount point") || !strings.Contains(s, "enter why not") ||
		strings.Contains(s, "▸") {
		t.Errorf("%s", s)
	}
	if o := press(d, "enter"); o.Close || o.Action != nil {
		t.Fatalf("%+v", o)
	}
	s := strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╭", " ").Replace(screen(d, 80, 24))), " ")
	if want := "then delete the original; /mnt/a: it lies there already"; !strings.Contains(s, want) {
		t.Errorf("%q is not in %s", want, s)
	}
	for _, keys := range [][]string{{"down"}, {"up", "up"}} { // the first row
		d := New(closed())
		press(d, keys...)
		if s := screen(d, 80, 24); !strings.Contains(s, "▸ internal") {
			t.Errorf("%q: %s", keys, s)
		}
	}
	if d := New(closed()); press(d, "up").Close || !strings.Contains(screen(d, 80, 24), "▸ /mnt/a") {
		t.Errorf("up leads to %s", screen(d, 80, 24))
	}
}

// A reason that is longer than its column is read to its end on a narrow screen too.
func TestLongReasonIsWhole(t *testing.T) {
	t.Parallel()
	for _, w := range []int{36, 60, 76, 120} {
		s := strings.Join(strings.Fields(strings.ReplaceAll(screen(New(closed()), w, 30), "│", " ")), " ")
		s = strings.ReplaceAll(s, "/mnt/a it lies there already", "")
		for word := range strings.FieldsSeq(closed().Options[0].WhyNot) {
			if !strings.Contains(s, word) {
				t.Errorf("%d columns: no %q in %s", w, word, s)
			}
		}
	}
}

// What is to be taken with care is never chosen by itself, only by going there or by its name.
func TestWary(t *testing.T) {
	t.Parallel()
	wary := func() *Dialog {
		s := destinations()
		s.Options = []Option{{Value: "10.0.0.1", Label: "dc1", Wary: true}, {Value: "10.0.0.2", Label: "dc2", Wary: true}}
		return New(s)
	}
	d := wary()
	if o := press(d, "enter"); o.Close || !strings.Contains(screen(d, 80, 24), "choose, or type") {
		t.Errorf("%+v %s", o, screen(d, 80, 24))
	}
	if !strings.Contains(screen(d, 80, 24), "choose one") {
		t.Errorf("enter says %s", screen(d, 80, 24))
	}
	for want, keys := range map[string][]string{"10.0.0.2": {"up", "enter", "y"}, "10.0.0.1": {"d", "c", "1", "enter", "y"}} {
		if v, ok := press(wary(), keys...).Action.(Values); !ok || v.Choice != want {
			t.Errorf("%q: %+v", keys, v)
		}
	}
	s := destinations()
	s.Options = []Option{{Value: "10.0.0.1", Label: "dc1", Wary: true}, {Value: "10.0.0.2", Label: "new"}}
	if v, ok := press(New(s), "enter", "y").Action.(Values); !ok || v.Choice != "10.0.0.2" {
		t.Errorf("%+v", v)
	}
}

// A list that is longer than its place shows the row under the cursor, wherever it is.
func TestLongListShowsItsCursor(t *testing.T) {
	t.Parallel()
	s := destinations()
	s.Options = nil
	for i := range 40 {
		s.Options = append(s.Options, Option{Value: string(rune('A' + i)), Label: "place " + string(rune('A'+i)), Note: strings.Repeat("a word ", 12)})
	}
	d := New(s)
	for i := range 40 {
		if want := "▸ place " + string(rune('A'+i)); !strings.Contains(screen(d, 80, 24), want) {
			t.Fatalf("no %q in\n%s", want, screen(d, 80, 24))
		}
		press(d, "down")
	}
}

// An address that is the beginning of another is not taken for that one.
func TestTypedIsNotTakenForAnother(t *testing.T) {
	t.Parallel()
	with := func(typed string) *Dialog {
		s := destinations()
		s.Options = []Option{{Value: "/mnt/nas2", Label: "/mnt/nas2"}, {Value: "/mnt/nas21", Label: "/mnt/nas21"}}
		d := New(s)
		press(d, strings.Split(typed, "")...)
		return d
	}
	d := with("/mnt/nas")
	if o := press(d, "enter"); o.Close || !strings.Contains(screen(d, 80, 24), "choose one") || !strings.Contains(screen(d, 80, 24), "as typed") {
		t.Errorf("%+v %s", o, screen(d, 80, 24))
	}
	for want, d := range map[string]*Dialog{"/mnt/nas": with("/mnt/nas"), "/mnt/nas2": with("/mnt/nas2"), "/mnt/nas21": with("21")} {
		keys := []string{"enter", "y"}
		if want == "/mnt/nas" {
			keys = []string{"up", "enter", "y"} // the last row
		}
		if v, ok := press(d, keys...).Action.(Values); !ok || v.Choice != want {
			t.Errorf("%s: %+v", want, v)
		}
	}
}
