package lxca

import (
	"mime"
	"strings"

	"holdfast/appliance"
)

// utf8 is the body in UTF-8. JSON has no other form, but an answer may say that it is in one; only those whose bytes are
// known for certain are read (faults.md DAT-03).
func (a answer) utf8() ([]byte, error) {
	_, parameters, _ := mime.ParseMediaType(a.Header.Get("Content-Type")) // a malformed one has none
	charset := parameters["charset"]
	switch strings.ToLower(charset) {
	case "", "utf-8", "us-ascii", "ascii": // a byte beyond ASCII is read as UTF-8 and, where it is none, shown as unreadable
		return a.Body, nil
	case "iso-8859-1":
		runes := make([]rune, len(a.Body))
		for i, b := range a.Body {
			runes[i] = rune(b)
		}
		return []byte(string(runes)), nil
	}
	return nil, malformed("character set %q is not accepted: only UTF-8, US-ASCII and ISO-8859-1", appliance.Label(charset))
}
