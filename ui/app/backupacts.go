package app

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/ui/keymap"
	"holdfast/ui/pane/backups"
	"holdfast/ui/widget"
	"holdfast/ui/widget/dialog"
)

// moreMsg is one of the less common acts, chosen from their list.
type moreMsg struct {
	name string
	verb appliance.Verb
	from appliance.ConfigCopy // restore: of the edited configuration, from another copy
	// backup is the one that it is about, as it was when it was chosen (faults.md JOB-10); nil = it is about none.
	backup backups.Row
}

// formedMsg is what a form was filled in for: it is confirmed next.
type formedMsg struct {
	target target
	phrase appliance.Passphrase // handed to the engine and kept no longer than that; nil = none
	intro  []string
}

// phrasedMsg is an act that was confirmed, with the passphrase that it needs.
type phrasedMsg struct {
	target target
	phrase appliance.Passphrase
}

// doWith carries it out beside the event loop.
func (m *Model) doWith(msg phrasedMsg) tea.Cmd {
	engine, ctx, person := m.engine, m.opts.Context, m.opts.Person
	return func() tea.Msg {
		result, err := engine.DoWith(ctx, person, msg.target.name, msg.target.act, msg.phrase)
		return doneMsg{msg.target, result, err}
	}
}

// more lists what else can be done with the row under the cursor and its appliance.
func (m *Model) more(opener string) tea.Cmd {
	name := m.at()
	s := m.snapshot(name)
	if s == nil {
		return m.say("choose an appliance in pane 1", true)
	}
	_, configures := m.engine.Configures(name)
	type act struct {
		verb  appliance.Verb
		from  appliance.ConfigCopy
		label string
		show  bool
	}
	var b backups.Row
	if m.focus == paneBackups {
		b, _ = m.backups.Row()
	}
	of := ""
	if b != nil {
		of = " " + backups.Name(b)
	}
	list := []act{
		{appliance.VerbCreate, "", "make a backup", true},
		{appliance.VerbDelete, "", "delete backup" + of, b != nil},
		{appliance.VerbPrepare, "", "prepare backup" + of + ": decrypt it", b != nil && !configures},
		{appliance.VerbRestore, "", "restore backup" + of, b != nil},
		{appliance.VerbProcess, "", "process what was pushed here last", !configures},
		{verbCompare, "", "compare edited with running", configures},
		{appliance.VerbVerify, "", "verify what is edited", configures},
		{appliance.VerbSave, "", "save what is edited", configures},
		{appliance.VerbActivate, "", "activate what is saved", configures},
		{appliance.VerbRestore, appliance.RunningCopy, "throw the edits away", configures},
	}
	spec := dialog.Spec{Title: "More for " + name, Opener: opener, Verb: "go on", Risk: func(dialog.Values) policy.Risk { return policy.RiskNone }}
	for i, a := range list {
		if !a.show {
			continue
		}
		o := dialog.Option{Value: fmt.Sprint(i), Label: a.label}
		if a.verb != verbCompare {
			o.WhyNot = m.engine.WhyNot(m.opts.Person, name, m.moreAct(moreMsg{name, a.verb, a.from, b}))
		}
		spec.Options = append(spec.Options, o)
	}
	if b != nil {
		spec.Keys = []string{b.Key()}
	}
	spec.Action = func(v dialog.Values) any {
		for i, a := range list {
			if v.Choice == fmt.Sprint(i) {
				return moreMsg{name, a.verb, a.from, b}
			}
		}
		return nil
	}
	m.dialog = dialog.New(spec)
	return nil
}

// verbCompare is no act: it only reads.
const verbCompare appliance.Verb = "compare"

// moreAct is the act as far as it is known before anything was filled in.
func (m *Model) moreAct(msg moreMsg) appliance.Act {
	act := appliance.Act{Verb: msg.verb, Restore: appliance.Restoring{From: msg.from}}
	about := msg.verb == appliance.VerbDelete || msg.verb == appliance.VerbPrepare || msg.verb == appliance.VerbRestore
	if b := msg.backup; b != nil && about && msg.from == "" {
		act.Transfer = transferOf(msg.verb, b, "")
		act.Restore.Backup, act.Restore.Label = b.ID, b.Label
	}
	return act
}

// chosen goes on with what was chosen from the list, or asked for by a key of its own.
func (m *Model) chosenMore(msg moreMsg) tea.Cmd {
	switch {
	case msg.verb == appliance.VerbCreate:
		return m.createForm(msg.name)
	case msg.verb == appliance.VerbDelete:
		m.dialog = m.deleteDialog("enter", []backups.Row{msg.backup})
		return nil
	case msg.verb == appliance.VerbProcess || msg.verb == appliance.VerbPrepare:
		return m.phraseForm(msg)
	case msg.verb == appliance.VerbRestore && msg.from == "" && !m.isConfig(msg.name):
		return m.restoreForm(msg)
	case msg.verb == verbCompare, msg.verb == appliance.VerbSave, msg.verb == appliance.VerbActivate, msg.verb == appliance.VerbRestore:
		act := m.moreAct(msg)
		if msg.verb == verbCompare {
			act = appliance.Act{}
		}
		return tea.Batch(m.compare(target{msg.name, act}, msg.backup),
			m.say("reading the edited and the running configuration of "+msg.name+"; any key leaves that", false))
	}
	return m.do(actsMsg{{msg.name, m.moreAct(msg)}})
}

// confirm asks for a yes or a code before an act whose particulars are known.
func (m *Model) confirm(t target, phrase appliance.Passphrase, intro []string) tea.Cmd {
	risk := policy.RiskOf(t.act.Verb, true)
	if why := m.engine.WhyNot(m.opts.Person, t.name, t.act); why != "" {
		return m.say(t.name+": "+why, true)
	}
	var keys []string
	if id := t.act.Transfer.Backup; id != "" {
		keys = []string{fleet.Backup{Appliance: t.name, Backup: appliance.Backup{ID: id}}.Key()}
	}
	m.dialog = dialog.New(dialog.Spec{
		Title: capital(m.engine.Describe(t.act)) + " on " + t.name, Verb: string(t.act.Verb), Code: m.opts.Code(), Intro: intro,
		Opener: "enter", Keys: keys,
		Risk:  func(dialog.Values) policy.Risk { return max(risk, policy.RiskAsk) },
		Calls: func(dialog.Values) []appliance.Call { return m.calls([]target{t}) },
		Action: func(v dialog.Values) any {
			t.act.Typed = v.Typed
			return phrasedMsg{t, phrase}
		},
	})
	return nil
}

// createForm asks for what a new backup needs.
func (m *Model) createForm(name string) tea.Cmd {
	rules, ok := m.engine.MakingRules(name)
	if !ok {
		return m.say(name+": no backup can be made there", true)
	}
	draft := m.drafts[name]
	fields := []dialog.Field{{Name: "label", Label: "name", Value: draft["label"]}}
	const yes, no = "yes", "no"
	if len(rules.Sources) > 0 {
		x := dialog.Field{Name: "source", Label: "of the configuration", Value: string(rules.Sources[0])}
		for _, s := range rules.Sources {
			x.Choices = append(x.Choices, string(s))
		}
		fields = append(fields, x)
	}
	if rules.Share {
		x := dialog.Field{Name: "to", Label: "to", Value: string(appliance.Internal), Choices: []string{string(appliance.Internal)}}
		for _, l := range m.snapshot(name).MountPoints {
			x.Choices = append(x.Choices, string(l))
		}
		fields = append(fields, x)
	}
	if rules.Contents {
		fields = append(fields, dialog.Field{Name: "firmware", Label: "with firmware", Value: no, Choices: []string{no, yes}},
			dialog.Field{Name: "images", Label: "with OS images", Value: no, Choices: []string{no, yes}})
	}
	intro := []string{}
	if rules.Silence {
		intro = append(intro, "While it is made, the appliance is quiet and answers nothing for minutes.")
	}
	if rules.Passphrase {
		intro = append(intro, "The passphrase encrypts the backup. It is kept nowhere: without it nobody can restore the backup.")
		fields = append(fields, dialog.Field{Name: "phrase", Label: "passphrase", Secret: true}, dialog.Field{Name: "again", Label: "again", Secret: true})
	}
	for i := range fields {
		if x := &fields[i]; slices.Contains(x.Choices, draft[x.Name]) {
			x.Value = draft[x.Name]
		}
	}
	m.form = dialog.NewForm("Make a backup of "+name, intro, fields, func(v dialog.Filled) error {
		switch {
		case v.Values["label"] == "":
			return errors.New("the backup needs a name")
		case rules.Passphrase && v.Secrets["phrase"].Empty():
			return errors.New("it needs a passphrase")
		case rules.Passphrase && v.Secrets["phrase"].Reveal() != v.Secrets["again"].Reveal():
			return errors.New("the two passphrases are not the same")
		}
		return nil
	}, func(v dialog.Filled) any {
		m.drafts[name] = v.Values // for the next try, should this one fail; a passphrase is not among it
		act := appliance.Act{Verb: appliance.VerbCreate, Making: appliance.NewBackup{
			Label: v.Values["label"], Firmware: v.Values["firmware"] == yes, Images: v.Values["images"] == yes,
			Destination: appliance.Location(v.Values["to"]), Source: appliance.ConfigCopy(v.Values["source"]),
		}}
		return formedMsg{target{name, act}, phraseOf(v), intro[:min(1, len(intro))]}
	})
	return nil
}

// phraseOf is the passphrase of a form; nil where it has none.
func phraseOf(v dialog.Filled) appliance.Passphrase {
	if s, ok := v.Secrets["phrase"]; ok && !s.Empty() {
		return s
	}
	return nil
}

// phraseForm asks for the passphrase of what is processed or prepared.
func (m *Model) phraseForm(msg moreMsg) tea.Cmd {
	act := m.moreAct(msg)
	intro := []string{"The package that was pushed or imported last is validated and decrypted. It is named by nobody: make sure that it is yours."}
	if msg.verb == appliance.VerbPrepare {
		intro = []string{"The backup is decrypted and prepared. Nothing is restored yet.", identity(msg.backup)}
	}
	m.form = dialog.NewForm(capital(m.engine.Describe(act)), intro, []dialog.Field{{Name: "phrase", Label: "passphrase", Secret: true}},
		needsPhrase, func(v dialog.Filled) any {
			return formedMsg{target{msg.name, act}, phraseOf(v), intro}
		})
	return nil
}

func needsPhrase(v dialog.Filled) error {
	if v.Secrets["phrase"].Empty() {
		return errors.New("type the passphrase")
	}
	return nil
}

// restoreForm asks what of a backup is restored.
func (m *Model) restoreForm(msg moreMsg) tea.Cmd {
	act := m.moreAct(msg)
	const yes, no = "yes", "no"
	intro := []string{
		"The appliance answers nothing for minutes and may come back with the address, the certificate, the users and the jobs of the backup. " +
			"It cannot be taken back.",
		identity(msg.backup),
	}
	m.form = dialog.NewForm(capital(m.engine.Describe(act)), intro, []dialog.Field{
		{Name: "devices", Label: "with the devices", Value: no, Choices: []string{no, yes}},
		{Name: "firmware", Label: "with firmware", Value: no, Choices: []string{no, yes}},
		{Name: "phrase", Label: "passphrase", About: "empty when it was prepared", Secret: true},
	}, func(dialog.Filled) error { return nil }, func(v dialog.Filled) any {
		act.Restore.Devices, act.Restore.Firmware = v.Values["devices"] == yes, v.Values["firmware"] == yes
		return formedMsg{target{msg.name, act}, phraseOf(v), intro}
	})
	return nil
}

// deleteDialog asks where the chosen backups are deleted.
func (m *Model) deleteDialog(opener string, rows []backups.Row) *dialog.Dialog {
	name := rows[0].Appliance
	spec := dialog.Spec{Opener: opener, Verb: "delete", Code: m.code(len(rows)), Title: "Delete " + backupNames(rows), Word: "from"}
	var names []string
	count := map[appliance.Location]int{}
	var places []appliance.Location
	for _, b := range rows {
		names = append(names, backups.Name(b))
		spec.Keys = append(spec.Keys, b.Key())
		if len(rows) <= 4 {
			spec.Intro = append(spec.Intro, identity(b))
		}
		for _, l := range b.Locations {
			if count[l] == 0 {
				places = append(places, l)
			}
			count[l]++
		}
	}
	spec.What = strings.Join(names, ", ")
	for _, l := range places {
		o := dialog.Option{Value: string(l), Label: appliance.Label(string(l)).String()}
		if count[l] < len(rows) {
			o.WhyNot = fmt.Sprintf("%d of them do not lie there", len(rows)-count[l])
		}
		spec.Options = append(spec.Options, o)
	}
	spec.Options = append(spec.Options, dialog.Option{Value: string(appliance.Everywhere), Label: "every place", Note: "nothing is left of it", Wary: true})
	spec.Warn = func(v dialog.Values) string {
		last := 0
		for _, b := range rows {
			if v.Choice == string(appliance.Everywhere) || len(b.Locations) < 2 {
				last++
			}
		}
		if last > 0 {
			return fmt.Sprintf("Nothing is left of %s then. It cannot be brought back.", plural(last, "backup", "backups"))
		}
		return "The other copies stay."
	}
	spec.Risk = func(dialog.Values) policy.Risk { return policy.RiskOf(appliance.VerbDelete, true) }
	return m.finish(spec, func(v dialog.Values) []target {
		var targets []target
		for _, b := range rows {
			targets = append(targets, target{name: name, act: appliance.Act{
				Verb: appliance.VerbDelete, Transfer: transferOf(appliance.VerbDelete, b, v.Choice), Typed: v.Typed,
			}})
		}
		return targets
	})
}

// identity is what tells a backup from every other (faults.md DAT-10).
func identity(b backups.Row) string {
	return fmt.Sprintf("%s  %s  checksum %s  lies in %s", b.ID, widget.Size(b.Size), short(b.Checksum.String()), where(b))
}

func where(b backups.Row) string {
	var words []string
	for _, l := range b.Locations {
		words = append(words, appliance.Label(string(l)).String())
	}
	return cmp.Or(strings.Join(words, ", "), "no known place")
}

// formKey gives a key to the form.
func (m *Model) formKey(k tea.KeyPressMsg) tea.Cmd {
	out := m.form.Press(k)
	if !out.Close {
		return nil
	}
	m.form = nil
	if out.Action == nil {
		return nil
	}
	return func() tea.Msg { return out.Action }
}

// whyNotMore is why the keys for making and deleting backups, and for the rest, do nothing here.
func (m *Model) whyNotMore(a keymap.Action) string {
	switch {
	case a == keymap.Delete:
		return m.whyNotBackup(appliance.VerbDelete)
	case m.at() == "":
		return "choose an appliance in pane 1"
	case a == keymap.Create:
		return m.engine.WhyNot(m.opts.Person, m.at(), appliance.Act{Verb: appliance.VerbCreate})
	}
	return ""
}
