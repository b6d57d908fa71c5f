package fault

import (
	"fmt"
	"strings"
)

// Help tells the text form of a rule: every kind and every key, one a line.
func Help() string {
	var b strings.Builder
	b.WriteString("KIND[=VALUE] [METHOD[,METHOD]] [PATH] [#N] [KEY=VALUE]…\n\n")
	for _, name := range order {
		k := kinds[name]
		word := string(name)
		switch {
		case k.value.must:
			word += "=" + k.value.word
		case k.value.word != "":
			word += "[=" + k.value.word + "]"
		}
		fmt.Fprintf(&b, "  %-18s %s\n", word, k.about)
	}
	b.WriteString("\nPATH is a part of the path such as sftp/locks, from its start with a leading slash, to its end with $ behind\n" +
		"it; ?a=b is about the query. #N is the N-th request that matches. The first rule that applies to a request acts on it.\n\n")
	for _, o := range options {
		fmt.Fprintf(&b, "  %-18s %s\n", o.key+"="+o.word, o.about)
	}
	return b.String()
}
