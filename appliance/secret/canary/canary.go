// Package canary finds secrets where they must not be. It is for tests (faults.md SEC-01, SEC-05).
package canary

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// New is a secret that nothing else contains, with characters in it that are written in another way wherever they must be.
func New() string { return rand.Text()[:9] + "#~p +/<&>\"8é" }

// Forms are all forms in which the secret of a user might be found.
func Forms(secret, user string) []string {
	b := []byte(secret)
	inJSON, err := json.Marshal(secret)
	if err != nil {
		panic(err) // of a string: never
	}
	return []string{
		secret, strings.Trim(string(inJSON), `"`), fmt.Sprintf("%q", secret), url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString(b), base64.URLEncoding.EncodeToString(b), hex.EncodeToString(b), fmt.Sprintf("%X", b),
		base64.StdEncoding.EncodeToString([]byte(user + ":" + secret)), fmt.Sprint(b), secret[:min(9, len(secret))],
	}
}

// Look calls f for every string and every byte slice that can be reached from v, exported or not. What a function closes over
// is not looked into, nor what stands behind the given types.
func Look(v any, f func(string), but ...reflect.Type) {
	w := walk{seen: map[place]bool{}, but: map[reflect.Type]bool{}, found: f}
	for _, t := range but {
		w.but[t] = true
	}
	w.into(reflect.ValueOf(v))
}

// Find looks for the forms in everything that can be reached from v. It returns one string that holds one of them, empty when
// none does, and how many strings it has looked at.
func Find(v any, forms []string, but ...reflect.Type) (found string, looked int) {
	Look(v, func(s string) {
		looked++
		for _, form := range forms {
			if strings.Contains(s, form) {
				found = s
			}
		}
	}, but...)
	return found, looked
}

// place is what a pointer points at: a struct and its first member share an address.
type place struct {
	at uintptr
	as reflect.Type
}

// connections are not looked into: goroutines of net/http change them at any time, and what they buffer is theirs.
var connections = reflect.TypeFor[http.Transport]()

type walk struct {
	seen  map[place]bool
	but   map[reflect.Type]bool
	found func(string)
}

func (w *walk) into(v reflect.Value) {
	if v.IsValid() && (w.but[v.Type()] || v.Type() == connections) {
		return
	}
	switch v.Kind() {
	case reflect.String:
		w.found(v.String())
	case reflect.Pointer:
		at := place{v.Pointer(), v.Type()}
		if !v.IsNil() && !w.seen[at] {
			w.seen[at] = true
			w.into(v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() {
			w.into(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			w.into(v.Field(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			w.into(k)
			w.into(v.MapIndex(k))
		}
	case reflect.Slice, reflect.Array:
		w.list(v)
	default: // numbers hold no secret
	}
}

func (w *walk) list(v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		b := make([]byte, v.Len())
		for i := range b {
			b[i] = byte(v.Index(i).Uint())
		}
		w.found(string(b))
		return
	}
	for i := range v.Len() {
		w.into(v.Index(i))
	}
}
