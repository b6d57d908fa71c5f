package app

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance/clock"
	"holdfast/appliance/config"
	"holdfast/appliance/connect"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/appliance/policy"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/broker"
	"holdfast/ui/keymap"
)

// bench is a model with a real engine on simulated appliances, driven message by message in virtual time, without a
// program around it.
type bench struct {
	*Model
	t    *testing.T
	sims *sim.Fleet
	msgs chan tea.Msg
}

// onBench runs test with a model that has seen everything there is to see.
func onBench(t *testing.T, change func(*Options), test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		sims, err := sim.Start(ctx, sim.Config{Appliances: []sim.Spec{
			{Name: "dc1-lxca", Kind: sim.KindLXCA}, {Name: "new-lxca", Kind: sim.KindLXCA, Fresh: true}, {Name: "ecb-edge", Kind: sim.KindECB},
		}, Backups: 6, Jobs: 3, Locks: 4, Seed: 1, Memory: true})
		if err != nil {
			t.Fatal(err)
		}
		sims.Appliance("ecb-edge").ECB.LockByOther(broker.SourceGUI)
		o := Options{Context: ctx, Engine: engineOf(ctx, t, sims), Person: policy.Person{Name: "maria", Role: policy.Admin},
			Theme: "dark", Dark: true}
		if o.Keys, err = keymap.New(nil); err != nil {
			t.Fatal(err)
		}
		o.Migrations, o.Reports = migration.New(migration.Options{Fleet: o.Engine, Store: &migration.Memory{}}), t.TempDir()
		if err := o.Migrations.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(&o)
		}
		b := &bench{Model: New(o), t: t, sims: sims, msgs: make(chan tea.Msg, 1000)}
		t.Cleanup(func() {
			cancel()
			b.Close()
			o.Migrations.Close()
			o.Engine.Close()
			sims.Close()
			<-time.After(time.Minute) // ticks and messages cannot be stopped
			synctest.Wait()
		})
		b.run(b.Init())
		b.size(120, 40)
		<-time.After(3 * time.Second)
		b.pump()
		if !strings.Contains(b.View().Content, "3 up") {
			t.Fatalf("the fleet is not up:\n%s", b.View().Content)
		}
		test(b)
	})
}

func engineOf(ctx context.Context, t *testing.T, sims *sim.Fleet) *fleet.Engine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := sim.WriteConfig(path, sims); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	deps := connect.Deps{Dial: sims.DialContext, Clock: clock.System()}
	var members []fleet.Member
	for _, a := range c.Appliances {
		client, err := connect.New(a, deps)
		members = append(members, fleet.Member{Appliance: client, Broken: err, Name: a.Name, Kind: a.Kind, Address: a.Address,
			MountPoints: a.MountPoints})
	}
	e, err := fleet.New(fleet.Options{Members: members, Clock: deps.Clock, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	e.Start(ctx)
	return e
}

// run runs a command beside the loop, as Bubble Tea does.
func (b *bench) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		switch msg := cmd().(type) {
		case nil:
		case tea.BatchMsg:
			for _, c := range msg {
				b.run(c)
			}
		default:
			b.msgs <- msg
		}
	}()
}

// pump gives the model every message that has come.
func (b *bench) pump() {
	for {
		synctest.Wait()
		select {
		case msg := <-b.msgs:
			_, cmd := b.Update(msg)
			_ = b.View() // as Bubble Tea does; what is drawn decides what ticks
			b.run(cmd)
		default:
			return
		}
	}
}

func (b *bench) size(w, h int) {
	b.run(second(b.Update(tea.WindowSizeMsg{Width: w, Height: h})))
}

func second(_ tea.Model, cmd tea.Cmd) tea.Cmd { return cmd }

// press presses keys, named as Bubble Tea names them.
func (b *bench) press(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.run(second(b.Update(keyOf(k))))
		b.pump()
	}
}

// keyOf is the message of a key.
func keyOf(name string) tea.KeyPressMsg {
	codes := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "space": tea.KeySpace, "up": tea.KeyUp, "down": tea.KeyDown}
	if code, ok := codes[name]; ok {
		return tea.KeyPressMsg{Code: code}
	}
	return tea.KeyPressMsg{Code: rune(name[0]), Text: name}
}
