package transport

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"slices"

	"holdfast/appliance/secret"
)

// leastMasked is the length in bytes from which a form of a secret is looked for in an answer. A shorter one would hit words
// that have nothing to do with it.
const leastMasked = 6

// withoutEcho is the body of the answer to r without our own secrets, which pages for developers and messages about a failed
// login repeat (faults.md SEC-01). What stands in Authorization is in no useful answer. The bare password may by chance be,
// so it is masked only in answers that are no success, whose bodies are for people. What stood within the body of the
// request is in no useful answer either.
func (r Request) withoutEcho(status int, body []byte) []byte {
	forms := append(r.Auth.sent(), spellings(r.Within.Reveal())...)
	if status < 200 || status > 299 {
		forms = append(forms, r.spellings()...)
	}
	for _, form := range forms {
		if len(form) >= leastMasked && bytes.Contains(body, form) {
			body = bytes.ReplaceAll(body, form, []byte(secret.Redacted))
		}
	}
	return body
}

// sent is what of a goes over the wire and proves who we are.
func (a Auth) sent() [][]byte {
	if a.basic {
		return [][]byte{[]byte(base64.StdEncoding.EncodeToString([]byte(a.user + ":" + a.secret.Reveal())))}
	}
	return [][]byte{[]byte(a.secret.Reveal())}
}

// spellings are the secrets of r in the ways in which an appliance may write them.
func (r Request) spellings() [][]byte {
	secrets := []string{r.Auth.secret.Reveal()}
	if r.SecretBody {
		secrets = append(secrets, string(r.Body))
		if form, err := url.ParseQuery(string(r.Body)); err == nil {
			for _, values := range form {
				secrets = append(secrets, values...)
			}
		}
	}
	return spellings(secrets...)
}

// spellings are the ways in which an appliance may write secrets, the longest first, so that none is masked in a part of
// another.
func spellings(secrets ...string) [][]byte {
	var forms [][]byte
	for _, s := range secrets {
		var inXML bytes.Buffer
		_ = xml.EscapeText(&inXML, []byte(s)) // a buffer takes everything
		inJSON, _ := json.Marshal(s)          // a string can always be written
		forms = append(forms,
			[]byte(s), bytes.Trim(inJSON, `"`), inXML.Bytes(), []byte(url.QueryEscape(s)), []byte(url.PathEscape(s)),
			[]byte(base64.StdEncoding.EncodeToString([]byte(s))), []byte(base64.URLEncoding.EncodeToString([]byte(s))),
			[]byte(hex.EncodeToString([]byte(s))), bytes.ToUpper([]byte(hex.EncodeToString([]byte(s)))),
		)
	}
	slices.SortFunc(forms, func(a, b []byte) int { return len(b) - len(a) })
	return forms
}
