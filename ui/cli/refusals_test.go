package cli

import (
	"strings"
	"testing"

	"holdfast/appliance/sim"
)

// What is refused is told with the flag that allows it, and its appliance; what is wrong is told before anything is confirmed.
func TestRefusalsNameTheFlag(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		id := sims.Appliance("dc1").LXCA.Backups()[0].UUID
		for args, want := range map[string]struct {
			code int
			said string
		}{
			"backups delete dc1 " + id + " --from internal --yes": {ExitRefused, "dc1: nothing would be left of the backup: that takes --last; nothing was sent"},
			"backups cancel-push dc1 --yes":                       {ExitRefused, "dc1: no push runs there; nothing was sent"},
			"backups cancel-push dc1 --any --yes":                 {ExitRefused, "dc1: no push runs there; nothing was sent"},
			"backups copy dc1 " + id + " --to ":                   {ExitUsage, "--to is empty"},
			"backups copy dc1 " + id:                              {ExitUsage, "Try holdfast backups copy --help."},
			"backups push dc1 " + id + " --to nww --yes":          {ExitUsage, `"nww" is no appliance in`},
			"jobs cancel dc1 4711 --yes":                          {ExitUsage, "dc1 lists no job 4711"},
		} {
			split := strings.Fields(args)
			if strings.HasSuffix(args, " ") {
				split = append(split, "")
			}
			r := on(t, sims, config, split...)
			r.want(t, want.code, want.said)
			r.wantNot(t, "the dialog")
		}
	})
}

// A confirmation says exactly what is done, to what, and which request that takes.
func TestConfirmationSaysExactlyWhat(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		b := sims.Appliance("dc1").LXCA.Backups()[0]
		for args, said := range map[string][]string{
			"copy dc1 " + b.UUID + " --to " + nas:  {"copy of " + b.Label + " to " + nas, b.UUID, "checksum " + b.Checksum, "lies in internal", "sends PUT https://"},
			"restore dc1 " + b.UUID + " --devices": {"restore of " + b.Label, "settings and the inventory of devices", "answers nothing for minutes", "the address, the certificate, the users"},
		} {
			args := append([]string{"--config", config, "backups"}, strings.Fields(args)...)
			r := call{args: args, sims: sims, user: "maria", terminal: true, in: "no\n"}.run(t.Context())
			r.want(t, ExitRefused, append(said, "not confirmed, nothing was sent")...)
		}
	})
}
