package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	tea "charm.land/bubbletea/v2"

	"holdfast/ui/app"
	"holdfast/ui/app/escape"
)

// fps is how often the screen is drawn at the most. A key waits for the next drawing, so that fewer would be felt; the timer of
// the drawing is most of what a standing dashboard costs, so that more would not be worth it.
const fps = 16

var errNoTerminal = errors.New("the dashboard needs a terminal and this is none; holdfast status prints the fleet once")

// dashboard runs the dashboard of the configuration. The engine outlives ctx for as long as an orderly end takes.
func dashboard(ctx context.Context, env *Env, f flags) error {
	c, err := load(env, f)
	if err != nil {
		return err
	}
	if !env.Terminal {
		return exit(ExitUsage, errNoTerminal)
	}
	env.process.reports(c.StateDir)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	r, err := assemble(life, env, c, part{acting: true, adopt: true, migrates: everyMigration})
	if err != nil {
		end()
		return err
	}
	defer r.close()
	defer end()
	if ctx.Err() != nil { // while a password was asked for
		why, code := ending(context.Cause(ctx))
		return exit(code, errors.New(why))
	}
	return show(ctx, env, r, c.OnDrop)
}

// show runs the dashboard until its operator leaves, the line drops or the context ends. onDrop is what then becomes of the
// locks when the operator was not asked.
func show(ctx context.Context, env *Env, r *run, onDrop string) error {
	session, end := context.WithCancelCause(ctx)
	defer end(nil)
	terminal := newScreen(env.In, env.Out, func() { end(errLine) })
	left := make(chan string, 1)
	leaving := context.AfterFunc(session, func() { // beside the end of the screen, which a terminal that takes nothing can hold up
		why, code := ending(context.Cause(session))
		env.process.limit(code, why)
		if failed := (*crash)(nil); errors.As(context.Cause(session), &failed) {
			onDrop = dropLeave // nothing is begun by a program that has failed
		}
		env.process.guard("its end", func() { left <- r.leave(why, onDrop) })()
	})
	model := app.New(app.Options{
		Context: session, Engine: r.engine, Migrations: r.migrations, Reports: filepath.Join(r.config.StateDir, "reports"), Person: r.person, Keys: r.keys, Theme: r.config.Theme, ASCII: r.config.ASCII,
		NoColor: env.look("NO_COLOR") != "", Dark: true, Mouse: r.config.Mouse, Bell: true, Mark: env.Mark,
	})
	defer model.Close()
	outer := &guarded{model: env.wrapped(model), process: env.process, state: r.config.StateDir, end: end,
		resumed: func() { r.engine.Look("") }, free: func(key string) bool { return r.keys.Action(key) == "" }}
	options := append([]tea.ProgramOption{
		tea.WithInput(escape.Reader(terminal.input())), tea.WithOutput(terminal.output()), tea.WithEnvironment(env.Environ), tea.WithFPS(fps),
		tea.WithoutSignalHandler(),
	}, env.Program...)
	program := tea.NewProgram(outer, options...)
	defer context.AfterFunc(session, program.Quit)() // not by its context, at whose end it does not wait for its reader
	release := env.process.take(terminal, program)
	_, err := program.Run()
	terminal.restore()
	release()
	if err != nil {
		end(fmt.Errorf("run the dashboard: %w", err)) // unless the session has ended already
	}
	if leaving() {
		return nil
	}
	text := <-left
	cause := context.Cause(session)
	if _, code := ending(cause); code != ExitDone {
		return exit(code, &wording{text, cause})
	}
	return nil
}
