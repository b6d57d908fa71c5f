package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/migration"
	"holdfast/appliance/policy"
	"holdfast/appliance/secret"
	"holdfast/ui/keymap"
	"holdfast/ui/screen/help"
	screen "holdfast/ui/screen/migration"
	"holdfast/ui/widget/dialog"
)

// orderMsg is an operator's word on a migration that was confirmed.
type orderMsg struct {
	out    screen.Outcome
	phrase secret.Secret
}

// orderedMsg tells how an order ended.
type orderedMsg struct {
	text string
	err  error
}

// sessionKey gives a key to the sessions; what costs something is confirmed first.
func (m *Model) sessionKey(k tea.KeyPressMsg) tea.Cmd {
	action := m.opts.Keys.OnMigration(k.String())
	switch {
	case k.String() == "esc" || k.String() == "ctrl+c": // as everywhere, whatever else they may be
		action = keymap.Back
	case action == keymap.Help:
		m.help = help.New(m.opts.Keys.MigrationBindings(), func(keymap.Binding) string { return "" })
		return nil
	}
	m.toast.text = "" // it was about what stood there before
	out := m.migrating.session.Press(action)
	if out.Close {
		m.migrating.session = nil
		return nil
	}
	v, ok := m.migration(out.ID)
	if !ok || out.Order == screen.OrderNone {
		return nil
	}
	if v.Elsewhere != "" && out.Order != screen.OrderReport {
		return m.say(out.Order.Word()+": "+v.Elsewhere, true)
	}
	switch out.Order {
	case screen.OrderCancel:
		m.dialog = dialog.New(dialog.Spec{
			Title: "Cancel migration " + out.ID, Opener: k.String(), Verb: "cancel it",
			Intro: []string{"Nothing more is begun. What is under way is asked to end where the appliance lets it be cancelled, else it goes on " +
				"to its end there. What is done stays done."},
			Risk:   func(dialog.Values) policy.Risk { return policy.RiskAsk },
			Action: func(dialog.Values) any { return orderMsg{out: out} },
		})
		return nil
	case screen.OrderRetry:
		if s := v.Steps[out.Step]; s.Phase == migration.PhaseUnknown && s.Stage == migration.StageTransfer {
			m.dialog = dialog.New(dialog.Spec{
				Title: "Retry step " + fmt.Sprint(out.Step+1), Opener: k.String(), Verb: "send it again", Code: m.opts.Code(),
				Intro: []string{"What became of the first request is not known: it may still take effect, and then both do. Look at the jobs and the " +
					"backups of " + s.Item.Appliance + " first."},
				Risk:   func(dialog.Values) policy.Risk { return policy.RiskCode },
				Action: func(dialog.Values) any { return orderMsg{out: out} },
			})
			return nil
		}
	case screen.OrderPassphrase:
		s := v.Steps[out.Step]
		intro := []string{v.Plan.Target + " validates and decrypts what arrived with it. It is sent once and kept nowhere."}
		if s.Note != "" {
			intro = append(intro, s.Note)
		}
		m.form = dialog.NewForm("Passphrase of "+s.Item.Label.String(), intro, []dialog.Field{{Name: "phrase", Label: "passphrase", Secret: true}},
			needsPhrase, func(f dialog.Filled) any { return orderMsg{out, f.Secrets["phrase"]} })
		return nil
	}
	return m.order(orderMsg{out: out})
}

func (m *Model) migration(id string) (migration.View, bool) {
	for _, v := range m.migrating.views {
		if v.ID == id {
			return v, true
		}
	}
	return migration.View{}, false
}

// order carries an order out beside the event loop: it is recorded, which takes its time.
func (m *Model) order(msg orderMsg) tea.Cmd {
	r, p, out := m.opts.Migrations, m.opts.Person, msg.out
	dir := m.opts.Reports
	if why := m.whyNotOrder(); why != "" && out.Order != screen.OrderReport {
		return m.say(why, true)
	}
	return func() tea.Msg {
		var err error
		text := ""
		switch out.Order {
		case screen.OrderPause:
			err = r.Pause(p, out.ID)
		case screen.OrderResume:
			err = r.Resume(p, out.ID)
		case screen.OrderSkip:
			err = r.Skip(p, out.ID, out.Step)
		case screen.OrderRetry:
			err = r.Retry(p, out.ID, out.Step)
		case screen.OrderEarlier:
			err = r.Reorder(p, out.ID, out.Step, -1)
		case screen.OrderLater:
			err = r.Reorder(p, out.ID, out.Step, 1)
		case screen.OrderCancel:
			err = r.Cancel(p, out.ID)
		case screen.OrderPassphrase:
			err = r.Passphrase(p, out.ID, out.Step, msg.phrase)
		case screen.OrderReport:
			text, err = writeReport(r.Board(), out.ID, dir)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", out.Order.Word(), err)
		}
		return orderedMsg{text, err}
	}
}

// whyNotOrder is why this person may not give orders.
func (m *Model) whyNotOrder() string {
	return policy.WhyNot(m.opts.Person, policy.Rules{ReadOnlyRun: m.engine.ReadOnly()}, appliance.VerbCopy)
}

// writeReport writes the report as Markdown and as JSON into a folder, and says where.
func writeReport(views []migration.View, id, dir string) (string, error) {
	at := slices.IndexFunc(views, func(v migration.View) bool { return v.ID == id })
	if at < 0 {
		return "", fmt.Errorf("%w: %q", migration.ErrUnknown, id)
	}
	v := &views[at]
	rep := v.Report()
	b, err := rep.JSON()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "migration-"+id)
	for ext, text := range map[string][]byte{".md": []byte(rep.Markdown()), ".json": b} {
		if err := os.WriteFile(path+ext, text, 0o600); err != nil {
			return "", err
		}
	}
	return "written to " + path + ".md and .json", nil
}

func (m *Model) ordered(msg orderedMsg) tea.Cmd {
	switch {
	case msg.err != nil:
		return m.say(appliance.Words(msg.err.Error()).String(), true)
	case msg.text != "":
		return m.say(msg.text, false)
	}
	return nil
}
