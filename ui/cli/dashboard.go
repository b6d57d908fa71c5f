package cli

import (
	"context"
	"errors"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"holdfast/ui/app"
	"holdfast/ui/app/escape"
)

// fps is how often the screen is drawn at the most. A key waits for the next drawing, so that fewer would be felt; the timer of
// the drawing is most of what a standing dashboard costs, so that more would not be worth it.
const fps = 16

var errNoTerminal = errors.New("the dashboard needs a terminal and this is none; holdfast status prints the fleet once")

func dashboard(ctx context.Context, env *Env, f flags) error {
	c, err := load(env, f)
	if err != nil {
		return err
	}
	if !env.Terminal {
		return exit(ExitUsage, errNoTerminal)
	}
	r, err := assemble(ctx, env, c, part{acting: true, adopt: true})
	if err != nil {
		return err
	}
	defer r.close()
	return show(ctx, env, r)
}

// show runs the dashboard until its operator leaves or the context ends.
func show(ctx context.Context, env *Env, r *run) error {
	session, end := context.WithCancel(ctx)
	defer end()
	model := app.New(app.Options{
		Context: session, Engine: r.engine, Person: r.person, Keys: r.keys, Theme: r.config.Theme, ASCII: r.config.ASCII,
		NoColor: env.look("NO_COLOR") != "", Dark: true, Mouse: r.config.Mouse, Bell: true, Mark: env.Mark,
	})
	defer model.Close()
	options := append([]tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(escape.Reader(env.In)), tea.WithOutput(env.Out), tea.WithEnvironment(env.Environ), tea.WithFPS(fps),
		tea.WithoutSignalHandler(),
	}, env.Program...)
	_, err := tea.NewProgram(model, options...).Run()
	switch {
	case err == nil, ctx.Err() != nil:
		return nil
	default:
		return exit(ExitFailed, fmt.Errorf("run the dashboard: %w", err))
	}
}
