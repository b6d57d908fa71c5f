// Package tokens keeps what the lock of an ECB hangs on beyond the end of the process (faults.md TOK-02, SEC-03): for each
// engine and appliance one record, in a file that only we can get at or in the keyring of the system. What is kept ends with
// its tokens, minutes later, and is removed as soon as it owns nothing.
package tokens

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"holdfast/appliance/ecb"
	"holdfast/appliance/secret"
)

// format is the version of a record. One of another version is refused: what it means is not known.
const format = 1

// most is how many bytes a record may have: two tokens of the longest kind, and what belongs to them.
const most = 64 << 10

var (
	enginePattern  = regexp.MustCompile(`^[0-9a-z]{1,32}$`)
	versionPattern = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,3}$`)
)

// name is what the record of an engine and an appliance is called. The appliance goes into it as a hash, so that no name can
// lead out of the folder and none differs from another in case only (faults.md DAT-09).
func name(engine, appliance string) (string, error) {
	if !enginePattern.MatchString(engine) {
		return "", errors.New("the id of the engine is not made of 1 to 32 lower-case letters and digits")
	}
	sum := sha256.Sum256([]byte(appliance))
	return engine + "-" + hex.EncodeToString(sum[:16]), nil
}

// record is what is written.
type record struct {
	Format    int       `json:"format"`
	Engine    string    `json:"engine"`
	Appliance string    `json:"appliance"`
	Phase     string    `json:"phase"`
	URL       string    `json:"url"`
	User      string    `json:"user"`
	Version   string    `json:"version"`
	Token     *entry    `json:"token,omitempty"`
	Next      *entry    `json:"next,omitempty"`
	Asked     time.Time `json:"asked,omitzero"`
}

// entry is one token.
type entry struct {
	Text   string    `json:"text"`
	Issued time.Time `json:"issued"`
}

func entryOf(t ecb.KeptToken) *entry {
	if t.Text.Empty() {
		return nil
	}
	return &entry{Text: t.Text.Reveal(), Issued: t.Issued}
}

func (e *entry) token() ecb.KeptToken {
	if e == nil {
		return ecb.KeptToken{}
	}
	return ecb.KeptToken{Text: secret.New(e.Text), Issued: e.Issued}
}

// encode writes a record.
func encode(engine, appliance string, k ecb.Kept) ([]byte, error) {
	return json.Marshal(record{
		Format: format, Engine: engine, Appliance: appliance, Phase: string(k.Phase), URL: k.URL, User: k.User, Version: k.Version,
		Token: entryOf(k.Token), Next: entryOf(k.Next), Asked: k.Asked,
	})
}

// decode reads the record of an engine and an appliance. Its errors quote nothing of it.
func decode(engine, appliance string, data []byte) (ecb.Kept, error) {
	var r record
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&r); err != nil {
		return ecb.Kept{}, errors.New("is damaged; remove it")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return ecb.Kept{}, errors.New("is damaged; remove it")
	}
	switch {
	case r.Format != format:
		return ecb.Kept{}, fmt.Errorf("has format %d, and this program knows %d only; use the program that wrote it", r.Format, format)
	case r.Engine != engine || r.Appliance != appliance || !versionPattern.MatchString(r.Version):
		return ecb.Kept{}, errors.New("is damaged; remove it")
	case r.Token == nil && r.Next == nil, r.Token != nil && r.Token.Text == "", r.Next != nil && r.Next.Text == "":
		return ecb.Kept{}, errors.New("is damaged; remove it")
	}
	return ecb.Kept{
		Phase: ecb.KeptPhase(r.Phase), URL: r.URL, User: r.User, Version: r.Version, Token: r.Token.token(), Next: r.Next.token(),
		Asked: r.Asked,
	}, nil
}
