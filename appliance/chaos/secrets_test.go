package chaos

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// keepSecrets learns the tokens that are kept now: they are what nobody may read anywhere else.
func (w *world) keepSecrets() {
	found, _ := filepath.Glob(filepath.Join(w.state, "tokens", "*"))
	for _, path := range found {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it is gone meanwhile
		}
		var kept struct{ Token, Next struct{ Text string } }
		if json.Unmarshal(data, &kept) == nil {
			for _, text := range []string{kept.Token.Text, kept.Next.Text} {
				if text != "" {
					w.secret(text)
				}
			}
		}
	}
}
