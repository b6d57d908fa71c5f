package ecb

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

// seeds are answers of every resource, good and bad.
func seeds(f *testing.F) {
	f.Helper()
	for _, data := range []string{
		"<data><accessToken>YWRtaW4sYWRtaW4=</accessToken></data>",
		"<data><uptimeSeconds>734210</uptimeSeconds><hostName>ecb-lab-1</hostName><role>standalone</role></data>",
		"<data><systemInformation><productName>ECB</productName><buildVersion>PCZ4.1.0 GA</buildVersion></systemInformation></data>",
		"<data><systemVersionInfo><host>h</host><buildCycle>114</buildCycle></systemVersionInfo></data>",
		"<data><supportedVersions><latestVersion>v1.2</latestVersion><otherVersions><version>v1.0</version></otherVersions></supportedVersions></data>",
		"<data><operationState><operation>activate</operation><status>inProgress</status></operationState></data>",
		"<data><backupFiles><file>a.gz</file><file>../b</file></backupFiles></data>",
		"<data>" + oneAgent + "</data>", "<data><elementTypes><elementType>session-agent</elementType></elementTypes></data>",
		"<data/><messages><errorMessage>User does not have the lock.</errorMessage></messages>",
		"<data>\u009b\u202e&#x85;<![CDATA[x]]></data>",
	} {
		doc := "<?xml version=\"1.0\" encoding=\"UTF-8\"?><response>" + data + "<links/></response>"
		f.Add([]byte(doc))
		f.Add([]byte(doc[:len(doc)-3]))
		f.Add([]byte(doc + doc))
	}
	f.Add([]byte("<!DOCTYPE response><response/>"))
	f.Add([]byte("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><response><data>\xe9</data></response>"))
}

// printable fails on what must not reach a terminal.
func printable(t *testing.T, texts ...appliance.Text) {
	t.Helper()
	for _, x := range texts {
		if strings.ContainsFunc(x.String(), func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Errorf("%q is not printable", x.String())
		}
	}
}

func printableFields(t *testing.T, fields []appliance.Field) {
	t.Helper()
	if len(fields) > mostFields {
		t.Errorf("%d fields", len(fields))
	}
	for _, f := range fields {
		printable(t, f.Key, f.Value)
	}
}

// documents runs a decoder on whatever parses.
func documents(f *testing.F, decode func(t *testing.T, root *node)) {
	f.Helper()
	seeds(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		root, err := parse(doc, documentLimits)
		if (err == nil) != (root != nil) {
			t.Fatalf("%v with %v", root, err)
		}
		if err != nil {
			return
		}
		decode(t, root)
		for _, rubbish := range []string{"x", "<a/>", "{}", "</response>", "\x00", "<!DOCTYPE a>"} { // faults.md NET-07
			if root, err := parse([]byte(string(doc)+rubbish), documentLimits); err == nil || root != nil {
				t.Errorf("%q is taken behind the document", rubbish)
			}
		}
	})
}

func FuzzEnvelope(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		resp := &transport.Response{Status: 423, Header: http.Header{"Content-Type": {mediaXML}}, ContentType: mediaXML, Body: doc}
		root, err := envelope(resp)
		if err != nil {
			if root != nil || strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("%v, %q", root, err)
			}
		}
		var refused *appliance.Refusal
		if !errors.As(refusal(resp, changing), &refused) {
			t.Fatal("a 423 is no refusal")
		}
		for _, m := range append(told(root), refused.Messages...) {
			printable(t, m.Text)
		}
		if _, err := settled(resp, changing); err == nil {
			t.Error("a 423 is taken for a success")
		}
	})
}

func FuzzToken(f *testing.F) {
	documents(f, func(t *testing.T, root *node) {
		token, err := decodeToken(root)
		if (err == nil) == token.Empty() || strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("token %q, %v", token.Reveal(), err)
		}
	})
}

func FuzzStatus(f *testing.F) {
	documents(f, func(t *testing.T, root *node) {
		st, err := decodeStatus(root)
		if st.uptime < 0 || err != nil && (len(st.fields) > 0 || !st.role.Empty()) {
			t.Errorf("%+v, %v", st, err)
		}
		printable(t, st.host, st.role)
		printableFields(t, st.fields)
	})
}

func FuzzInformation(f *testing.F) { identities(f, decodeInformation) }

func FuzzVersion(f *testing.F) { identities(f, decodeVersion) }

func identities(f *testing.F, decode func(*node) (identity, error)) {
	f.Helper()
	documents(f, func(t *testing.T, root *node) {
		id, err := decode(root)
		if id.uptime < 0 || err != nil && (len(id.fields) > 0 || !id.build.Empty()) {
			t.Errorf("%+v, %v", id, err)
		}
		printable(t, id.product, id.build, id.host)
		printableFields(t, id.fields)
	})
}

func FuzzVersions(f *testing.F) {
	documents(f, func(t *testing.T, root *node) {
		all, err := decodeVersions(root)
		if (err == nil) != (len(all) > 0) || len(all) > mostFields {
			t.Errorf("%d versions, %v", len(all), err)
		}
		printable(t, all...)
	})
}

func FuzzAsync(f *testing.F) {
	documents(f, func(t *testing.T, root *node) {
		op, err := decodeAsync(root)
		if err != nil && (op.none || len(op.fields) > 0) || err == nil && !op.none && op.state.Empty() {
			t.Errorf("%+v, %v", op, err)
		}
		printable(t, append(op.messages, op.title, op.state)...)
		printableFields(t, op.fields)
	})
}

func FuzzElements(f *testing.F) {
	documents(f, func(t *testing.T, root *node) {
		list, err := decodeElements(root, "session-agent")
		if err != nil && (len(list) > 0 || !errors.Is(err, appliance.ErrMalformed)) {
			t.Errorf("%d elements with %v", len(list), err)
		}
		for _, e := range list {
			printable(t, e.Type, e.Key)
			for _, a := range e.Attributes {
				printable(t, append(a.Values, a.Name)...)
			}
		}
		if d := appliance.ChangesBetween(appliance.Config{Elements: list}, appliance.Config{Elements: list}); len(d) > 0 {
			t.Errorf("a configuration differs from itself: %+v", d)
		}
	})
}

func FuzzTypes(f *testing.F) {
	documents(f, func(t *testing.T, root *node) {
		types, err := decodeTypes(root)
		if (err == nil) != (len(types) > 0) || len(types) > mostTypes {
			t.Errorf("%d types, %v", len(types), err)
		}
		for _, kind := range types {
			if !typePattern.MatchString(kind) {
				t.Errorf("type %q", kind)
			}
		}
	})
}

func FuzzFollow(f *testing.F) {
	documents(f, func(t *testing.T, root *node) {
		op, err := decodeAsync(root)
		if err != nil {
			return
		}
		o := appliance.Operation{Verb: appliance.VerbSave}
		for range 3 {
			was := o
			if o = follow(o, "save", op); o.Phase == appliance.PhaseSucceeded && op.phase != appliance.PhaseSucceeded || was.Over() && !o.Over() {
				t.Errorf("%+v after %+v", o, was)
			}
		}
		printable(t, o.State, o.Other)
	})
}

func FuzzFiles(f *testing.F) {
	documents(f, func(t *testing.T, root *node) {
		list, unreadable, err := decodeFiles(root)
		if err != nil && (len(list) > 0 || unreadable > 0) {
			t.Errorf("%d files with %v", len(list), err)
		}
		for _, b := range list {
			if !filePattern.MatchString(string(b.ID)) || b.Label.String() != string(b.ID) {
				t.Errorf("id %q", b.ID)
			}
			printableFields(t, b.Fields())
		}
	})
}
