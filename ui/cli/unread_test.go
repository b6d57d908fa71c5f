package cli

import (
	"database/sql"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/appliance/clock"
	"holdfast/appliance/sim"
)

// A journal of a newer program is only read, and its migrations cannot be: the dashboard opens for all that, and says so.
func TestFault_JNL08_MigrationsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		call{args: []string{"--config", config, "locks", "acquire", "dc1", "UP", "--ttl", "2h"}, sims: sims}.run(t.Context()).want(t, ExitDone)
		db, err := sql.Open("sqlite", filepath.Join(filepath.Dir(config), "state", "journal.db"))
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range []string{"ALTER TABLE migrations RENAME COLUMN begun TO started", "PRAGMA user_version = 99"} {
			if _, err := db.Exec(change); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		env := &Env{Out: io.Discard, Err: io.Discard, User: "maria", Dial: sims.DialContext, Clock: clock.System()}
		c, err := load(env, flags{config: config, readOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		c.ReadOnly = true
		r, err := assemble(t.Context(), env, c, part{acting: true, adopt: true, migrates: everyMigration})
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		viewer := r.engine.Subscribe()
		defer viewer.Close()
		for said := false; !said; {
			news, err := viewer.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range news.Events {
				said = said || strings.Contains(e.Text, "what other runs have of migrations could not be read")
			}
		}
	})
}
