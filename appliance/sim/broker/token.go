package broker

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"holdfast/appliance/sim/kit"
)

// token is an access token. Its number, never its text, is what the truth log shows.
type token struct {
	number  int
	text    string
	account kit.Account
	expires time.Time // base time; at that very moment it is no longer valid
}

func (t *token) id() string { return "t" + strconv.Itoa(t.number) }

// effect is what a new token is recorded as; its lifetime begins now.
func (t *token) effect(what string, now time.Time) kit.Effect {
	return kit.Effect{What: what, ID: t.id(), TTL: int64(t.expires.Sub(now) / time.Second), Ends: t.expires}
}

// attempts counts wrong passwords of one user, for the switch login-lockout.
type attempts struct {
	wrong int
	until time.Time // shut out before this base time
}

// Limits of the switches login-lockout and token-limit (api/ecb.md 2.3).
const (
	lockoutAfter  = 3
	lockoutFor    = 60 * time.Second
	tokensPerUser = 2
	tokensInAll   = 5
)

// issue makes a token for an account. Its text is Base64 that begins with the user and the time, as the vendor's
// sample does (api/ecb.md 2.1).
func (a *Appliance) issue(account kit.Account, now time.Time) *token {
	a.issued++
	plain := fmt.Appendf(nil, "%s,%s,%s", account.User, account.User, a.clock.Now().UTC().Format(time.DateTime))
	for len(plain) < 141 {
		plain = append(plain, byte(a.random.Uint32()))
	}
	t := &token{
		number:  a.issued,
		text:    base64.StdEncoding.EncodeToString(plain),
		account: account,
		expires: now.Add(a.opts.TokenTTL),
	}
	a.tokens[t.text] = t
	return t
}

// bearer finds the live token that a request brings along.
func (a *Appliance) bearer(r *http.Request) (*token, bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, false
	}
	t, found := a.tokens[strings.TrimSpace(text)]
	return t, found
}

func (a *Appliance) checkPassword(c *call) *reply {
	denied := refuse(http.StatusUnauthorized, textNotAuthorized)
	user, password, given := c.r.BasicAuth()
	if !given {
		return denied
	}
	key := strings.ToLower(user)
	tried := a.logins[key]
	lockout := a.switches.Is(swLoginLockout, "3-in-60s")
	if lockout && tried != nil && c.now.Before(tried.until) {
		a.refused(c, user, "shut out")
		return denied
	}
	account, found := kit.Find(a.opts.Accounts, user, password)
	if !found {
		a.refused(c, user, "wrong credentials")
		if lockout && a.knownUser(user) != "" {
			a.countWrong(key, c.now)
		}
		return denied
	}
	delete(a.logins, key)
	if status := a.switches.Get(swPasswordChange); status != "not-needed" {
		return refuse(statusCode(status), "Password must be changed before the first use.")
	}
	c.account = account
	return nil
}

func (a *Appliance) refused(c *call, user, why string) {
	a.record(c.now, kit.AskerOf(c.r).As(a.knownUser(user)), kit.Effect{What: "token.refused", More: why})
}

func (a *Appliance) countWrong(key string, now time.Time) {
	tried := a.logins[key]
	if tried == nil {
		tried = &attempts{}
		a.logins[key] = tried
	}
	tried.wrong++
	if tried.wrong >= lockoutAfter {
		tried.wrong, tried.until = 0, now.Add(lockoutFor)
	}
}

// knownUser is the name of an account as it was set up, or nothing: what a stranger typed may be a password.
func (a *Appliance) knownUser(user string) string {
	for _, account := range a.opts.Accounts {
		if strings.EqualFold(account.User, user) {
			return account.User
		}
	}
	return ""
}

// prepareToken plays POST auth/token: a first token, or the renewal of one that stands in the body (api/ecb.md 2.1 and
// 2.2).
func (a *Appliance) prepareToken(c *call) (func() reply, *reply) {
	if c.bodyErr != nil {
		return nil, badRequest("Request body could not be read.")
	}
	login := func() reply { return a.login(c) }
	if c.body == nil || a.switches.Is(swRenewalForm, "ignored") {
		return login, nil
	}
	lenient := a.switches.Is(swRenewalUnknown, "ignored")
	if !a.renewalType(c.mediaType()) {
		if lenient {
			return login, nil
		}
		return nil, refuse(http.StatusUnsupportedMediaType, "Content-Type is not supported: use x-www-form-urlencoded.")
	}
	text, found := a.renewalToken(strings.TrimSpace(string(c.body)))
	if !found {
		if lenient {
			return login, nil
		}
		return nil, badRequest("Request body does not hold an access token.")
	}
	old, live := a.tokens[text]
	if !live || old.account.User != c.account.User {
		return nil, refuse(statusCode(a.switches.Get(swRenewalBadToken)), textNotAuthorized)
	}
	return func() reply { return a.renew(c, old) }, nil
}

func (a *Appliance) renewalType(t string) bool {
	const bare, full = "x-www-form-urlencoded", "application/x-www-form-urlencoded"
	switch a.switches.Get(swRenewalType) {
	case "strict-bare":
		return t == bare
	case "strict-full":
		return t == full
	}
	return t == bare || t == full
}

// renewalToken finds the token in the body of a renewal, if the body is in a form that the switch renewal-form takes.
func (a *Appliance) renewalToken(body string) (string, bool) {
	form := a.switches.Get(swRenewalForm)
	for _, key := range []string{"accessToken", "token"} {
		value, found := strings.CutPrefix(body, key+"=")
		if !found {
			continue
		}
		if form != "any" && form != key {
			return "", false
		}
		if a.switches.Is(swRenewalEscape, "literal") {
			return value, true
		}
		decoded, err := url.QueryUnescape(value)
		return decoded, err == nil
	}
	return body, form == "any" || form == "raw"
}

func (a *Appliance) login(c *call) reply {
	if a.limitReached(c.account.User) {
		return failure(statusCode(a.switches.Get(swTokenLimitCode)), textUserLimit)
	}
	t := a.issue(c.account, c.now)
	a.record(c.now, c.asker(), t.effect("token.issued", c.now))
	return ok(leaf("accessToken", t.text))
}

func (a *Appliance) limitReached(user string) bool {
	own := 0
	for _, t := range a.tokens {
		if t.account.User == user {
			own++
		}
	}
	switch a.switches.Get(swTokenLimit) {
	case "user-2":
		return own >= tokensPerUser
	case "total-5":
		return len(a.tokens) >= tokensInAll
	}
	return false
}

// renew gives a new token for an old one and hands the lock on, if the old one held it.
func (a *Appliance) renew(c *call, old *token) reply {
	t := a.issue(c.account, c.now)
	fate := a.switches.Get(swOldToken)
	by := c.asker()
	by.Token = old.id() // it stands in the body and is what the renewal is asked with
	renewed := t.effect("token.renewed", c.now)
	renewed.Of, renewed.More = old.id(), "from "+old.id()+", "+fate
	a.record(c.now, by, renewed)
	if a.lock != nil && a.lock.token == old {
		a.lock.token = t
		moved := a.lock.ending(a.lock.effect("lock.moved", "from "+old.id()), c.now)
		moved.Of = old.id()
		a.record(c.now, by, moved)
	}
	if fate == "revoked" {
		delete(a.tokens, old.text)
	}
	return ok(leaf("accessToken", t.text))
}

// statusCode is the number that a switch's value names. The values are ours, so that one which is no number is a
// mistake in the list of switches.
func statusCode(value string) int {
	n, err := strconv.Atoi(value)
	if err != nil {
		panic("sim: switch value is no status: " + value)
	}
	return n
}
