package migration

import (
	"fmt"
	"slices"

	"holdfast/appliance"
	"holdfast/appliance/migration"
)

// setting is one line of the third step.
type setting struct {
	label, value, about string
	turn                func(by int)
}

func turned[T comparable](list []T, now T, by int) T {
	at := slices.Index(list, now)
	return list[(at+by+len(list))%len(list)]
}

func (w *Wizard) settings() []setting {
	p := &w.plan
	list := []setting{{
		"when a step goes wrong", string(p.OnFailure), map[migration.OnFailure]string{
			migration.OnFailureAsk: "begin nothing more until you have decided", migration.OnFailureStop: "begin nothing more",
			migration.OnFailureSkip: "go on with the others",
		}[p.OnFailure], func(by int) {
			p.OnFailure = turned([]migration.OnFailure{migration.OnFailureAsk, migration.OnFailureStop, migration.OnFailureSkip}, p.OnFailure, by)
		},
	}}
	if p.Verb == appliance.VerbPush {
		value, about := "no", "it stays encrypted there"
		if p.Process {
			value, about = "yes", "asks for the passphrase when it has arrived, and keeps it nowhere"
		}
		list = append(list, setting{"have the target process it", value, about, func(int) { p.Process = !p.Process }})
	} else {
		list = append(list, setting{"at once at one appliance", fmt.Sprint(p.AtOnce),
			"what an appliance does with several is not described by the vendor", func(by int) {
				p.AtOnce = max(1, min(p.AtOnce+by, migration.MostAtOnce))
			}})
	}
	scopes, value := []string{""}, "none"
	for _, s := range w.asked.Scopes {
		scopes = append(scopes, s.Code)
		if s.Code == p.KeepLock {
			value = s.String()
		}
	}
	return append(list, setting{"lock to keep meanwhile", value, "taken before the first step, given back at the end", func(by int) {
		p.KeepLock = turned(scopes, p.KeepLock, by)
	}})
}
