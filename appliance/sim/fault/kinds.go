package fault

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// value is what may stand behind the kind: KIND=VALUE.
type value struct {
	word  string // in the help
	must  bool
	read  func(*Rule, string) error // nil: the kind takes no value
	write func(Rule) string
	check func(Rule) error
}

// kind is what a rule of a kind may say and where it acts.
type kind struct {
	about     string
	appliance bool // a fault of a whole appliance
	value     value
	options   []string // beside those that all take
}

func (k kind) takes(key string) bool {
	return slices.Contains(k.options, key) || slices.Contains([]string{"on", "every", "p", "seed", "times", "after", "until"}, key) ||
		(key == "period" && k.appliance)
}

// longest bounds every duration of a rule, so that no sum of times overflows.
const longest = 100 * 365 * 24 * time.Hour

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d.Abs() > longest {
		return 0, fmt.Errorf("%q is not a duration such as 20s or 1m30s", s)
	}
	return d, nil
}

func number(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1<<30 {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return n, nil
}

var noValue = value{check: func(r Rule) error {
	if r.Status != 0 || r.For != 0 || r.Bytes != 0 || (r.Late != 0 && r.Effect != Late) {
		return errors.New("it takes no value")
	}
	return nil
}}

// timeValue is a duration kept in the member that at points to.
func timeValue(word string, must bool, at func(*Rule) *time.Duration, negative bool) value {
	return value{word: word, must: must,
		read: func(r *Rule, s string) (err error) { *at(r), err = duration(s); return err },
		write: func(r Rule) string {
			if d := *at(&r); d != 0 {
				return brief(d)
			}
			return ""
		},
		check: func(r Rule) error {
			d := *at(&r)
			*at(&r) = 0
			switch {
			case d == 0 && must, d < 0 && !negative, d.Abs() > longest:
				return fmt.Errorf("%s is not a time that it can take", d)
			}
			return noValue.check(r)
		}}
}

// intValue is a whole number from low to high.
func intValue(word string, low, high int, at func(*Rule) *int) value {
	return value{word: word, must: true,
		read:  func(r *Rule, s string) (err error) { *at(r), err = number(s); return err },
		write: func(r Rule) string { return strconv.Itoa(*at(&r)) },
		check: func(r Rule) error {
			n := *at(&r)
			*at(&r) = 0
			if n < low || n > high {
				return fmt.Errorf("%d is not from %d to %d", n, low, high)
			}
			return noValue.check(r)
		}}
}

func forOf(r *Rule) *time.Duration  { return &r.For }
func lateOf(r *Rule) *time.Duration { return &r.Late }
func bytesOf(r *Rule) *int          { return &r.Bytes }
func statusOf(r *Rule) *int         { return &r.Status }

// kinds is every fault there is.
var kinds map[Kind]kind

func init() { // a function, for the table and what checks it name each other
	kinds = map[Kind]kind{
		DropBefore:  {about: "close the connection, no effect", value: noValue},
		DropAfter:   {about: "close the connection after the effect: the answer is lost", value: noValue},
		DelayEffect: {about: "close the connection; the effect comes D later", value: timeValue("D", true, lateOf, false)},
		DelayAnswer: {about: "answer D after the effect", value: timeValue("D", true, forOf, false)},
		Reset:       {about: "reset the connection", value: noValue, options: []string{"effect"}},
		Cut: {about: "send N bytes of the answer's body (of=head: of the whole answer), then close",
			value: intValue("N", 0, 1<<30, bytesOf), options: []string{"of"}},
		Status: {about: "answer CODE, 400 to 599, as a proxy would",
			value: intValue("CODE", 400, 599, statusOf), options: []string{"effect", "retry-after"}},
		HTML: {about: "answer CODE, 200 or 400 to 599, with an HTML page",
			value: intValue("CODE", 200, 599, statusOf), options: []string{"effect"}},
		Drip:      {about: "send the answer's body at N bytes a second", value: intValue("N", 1, 1<<30, bytesOf)},
		BlackHole: {about: "never answer, keep the connection open", value: noValue, options: []string{"effect"}},
		Mix: {about: "one of those above at random, with delays up to D (default 1m)",
			value: timeValue("D", false, forOf, false)},
		Restart: {about: "away for D; sessions, tokens, running jobs and (unless locks=kept) locks are gone", appliance: true,
			value: timeValue("D", true, forOf, false), options: []string{"how", "locks", "effect"}},
		Outage: {about: "away for D, nothing is lost", appliance: true,
			value: timeValue("D", true, forOf, false), options: []string{"how", "effect"}},
		ClockStep: {about: "the appliance's clock jumps by D, which may be negative", appliance: true,
			value: timeValue("D", true, forOf, true), options: []string{"effect"}},
		SwapCertificate: {about: "show new connections a certificate with another key; idle ones are closed", appliance: true,
			value: noValue, options: []string{"effect"}},
		RevokeToken: {about: "ECB: end the request's token (without method and path: all), and its lock unless locks=kept",
			appliance: true, value: noValue, options: []string{"locks", "effect"}},
		StealLock: {about: "ECB: somebody else takes the lock from its user; LXCA: a user's lock vanishes", appliance: true,
			value: noValue, options: []string{"by", "effect"}},
	}
}

// order is the one in which kinds are listed.
var order = []Kind{DropBefore, DropAfter, DelayEffect, DelayAnswer, Reset, Cut, Status, HTML, Drip, BlackHole, Mix,
	Restart, Outage, ClockStep, SwapCertificate, RevokeToken, StealLock}

func kindNames() []string {
	names := make([]string, len(order))
	for i, k := range order {
		names[i] = string(k)
	}
	return names
}
