package canary

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

type inner struct {
	hidden string
	next   *inner
}

// A secret is found wherever it is, in every form, and cycles end.
func TestFind(t *testing.T) {
	c := New()
	forms := Forms(c, "maria")
	loop := &inner{hidden: "nothing"}
	loop.next = loop
	for _, form := range forms {
		for i, v := range []any{
			form, &form, []string{"a", form}, [1]string{form}, []byte("x" + form), map[string]int{form: 1}, map[int]any{1: &form},
			inner{hidden: form}, &inner{next: &inner{hidden: "before " + form}}, fmt.Errorf("an error with %s", form),
			struct{ a, b any }{loop, form}, func() *any { var a any = form; return &a }(),
		} {
			if found, looked := Find(v, forms); found == "" || looked == 0 {
				t.Errorf("%d %T: %q is not found", i, v, form)
			}
		}
	}
	if found, looked := Find(struct{ a, b any }{loop, New()}, forms); found != "" || looked != 2 {
		t.Errorf("found %q in %d strings", found, looked)
	}
	if found, _ := Find(&inner{next: &inner{hidden: c}}, forms, reflect.TypeFor[*inner]()); found != "" {
		t.Errorf("looked behind what was left out: %q", found)
	}
	if slices.Contains(forms, "") || len(c) < 12 {
		t.Errorf("forms %q of %q", forms, c)
	}
}
