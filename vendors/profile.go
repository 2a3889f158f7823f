package vendors

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"quarterturn/internal/httpx"
	"quarterturn/internal/strict"
)

// Profile is one issuer as data; its form is Schema. Make one with Builtin or Parse, which check it: the rest of the
// package relies on that. Treat it as read-only, its copies share their maps. Every field's YAML name and meaning is in
// the schema.
type Profile struct {
	Name          string                 `yaml:"name"`
	Title         string                 `yaml:"title"`
	Documentation string                 `yaml:"documentation"`
	Lifecycle     Lifecycle              `yaml:"lifecycle"`
	Fields        map[string]Field       `yaml:"fields"`
	Auth          Auth                   `yaml:"auth"`
	Environments  map[string]Environment `yaml:"environments"`
	Probe         string                 `yaml:"probe"` // which of Probes is called
	Probes        map[string]Probe       `yaml:"probes"`
	Answers       Answers                `yaml:"answers"`
	Portal        Portal                 `yaml:"portal"`
	Validation    Validation             `yaml:"validation"`
	Issuer        IssuerAPI              `yaml:"issuer"`
	Webhooks      Webhooks               `yaml:"webhooks"`
	IDs           map[string]string      `yaml:"ids"` // prefixes, by what they name
	Idempotency   Idempotency            `yaml:"idempotency"`
	Logs          Logs                   `yaml:"logs"`
	Contacts      map[string]Contact     `yaml:"contacts"`

	plain map[string]any // the whole as it was written, for profiles that extend this one
}

// Lifecycle is how keys of this issuer live.
type Lifecycle struct {
	Kind          string          `yaml:"kind"`           // "overlap", "two_slots" or "replace"
	LivePairs     int             `yaml:"live_pairs"`     // how many may live at once
	Propagation   strict.Duration `yaml:"propagation"`    // how long a revocation may take to bite
	Disable       string          `yaml:"disable"`        // "possible", "impossible" or "unknown"
	FailingProbes bool            `yaml:"failing_probes"` // false: never call with a pair that may not work
	ShownOnce     bool            `yaml:"shown_once"`
	MaxAge        strict.Duration `yaml:"max_age"` // the issuer's advice, 0 when it gives none
	Order         []string        `yaml:"order"`
}

// CanDisable reports whether the portal can switch a pair off before it is deleted. Unknown is taken as no.
func (l Lifecycle) CanDisable() bool { return l.Disable == "possible" }

// Field is one field of a material.
type Field struct {
	Title    string   `yaml:"title"`
	Public   bool     `yaml:"public"`   // the half whose last characters a portal shows
	Env      string   `yaml:"env"`      // the environment variable its users keep it in, "" when unknown
	Alphabet string   `yaml:"alphabet"` // "" is "printable"
	Length   Length   `yaml:"length"`
	Prefixes []Prefix `yaml:"prefixes"`
}

// Length bounds a field, in characters; zero is the default, 8 and 512.
type Length struct {
	Min int `yaml:"min"`
	Max int `yaml:"max"`
}

func (l Length) bounds() (shortest, longest int) {
	shortest, longest = l.Min, l.Max
	if shortest == 0 {
		shortest = 8
	}
	if longest == 0 {
		longest = max(512, shortest)
	}
	return shortest, longest
}

// Prefix is how values of an environment often begin: a hint, never a rule.
type Prefix struct {
	Prefix      string `yaml:"prefix"`
	Environment string `yaml:"environment"`
}

// Auth says how the fields travel. Basic is the only way so far.
type Auth struct {
	Basic Basic `yaml:"basic"`
}

// Basic names the fields of HTTP Basic authentication.
type Basic struct {
	Username string `yaml:"username"`
	Password string `yaml:"password"`
}

// Environment is one world of the issuer, with its own host and its own keys.
type Environment struct {
	Title   string  `yaml:"title"`
	Base    string  `yaml:"base"`    // URL without trailing slash
	Aliases []Alias `yaml:"aliases"` // other bases of the same world; never called, known so that they can be recognised
	Rate    float64 `yaml:"rate"`    // requests a second the issuer allows one pair, 0 when unknown
	Data    string  `yaml:"data"`
	Access  string  `yaml:"access"`
	Quiet   Quiet   `yaml:"quiet"`
}

// Alias is another base URL of an environment.
type Alias struct {
	Base       string `yaml:"base"`
	Generation string `yaml:"generation"` // "newer", "legacy" or ""
}

// Host is the pinned host, with its port when the base URL has one, in lower case.
func (e Environment) Host() string {
	u, err := url.Parse(e.Base)
	if err != nil {
		return "" // Parse of the profile let no such URL in
	}
	return strings.ToLower(u.Host)
}

// loopback reports whether the environment is on this machine.
func (e Environment) loopback() bool {
	u, err := url.Parse(e.Base)
	return err == nil && httpx.Loopback(u.Hostname())
}

// Quiet is a span of the UTC day without calls.
type Quiet struct {
	From   string `yaml:"from"` // "23:55"
	To     string `yaml:"to"`   // "00:15"; a span may wrap midnight
	Reason string `yaml:"reason"`
}

// Span is the window as offsets from midnight UTC, from inclusive and to exclusive; both zero when there is none.
func (q Quiet) Span() (from, to time.Duration) {
	from, to = clock(q.From), clock(q.To)
	if from == to {
		return 0, 0
	}
	return from, to
}

func clock(s string) time.Duration {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// End is when the window that holds t is over; false when t is in none.
func (q Quiet) End(t time.Time) (time.Time, bool) {
	from, to := q.Span()
	midnight := t.UTC().Truncate(24 * time.Hour)
	at := t.Sub(midnight)
	switch {
	case from <= at && at < to, to < from && at < to:
		return midnight.Add(to), true
	case to < from && from <= at:
		return midnight.Add(24*time.Hour + to), true
	}
	return time.Time{}, false
}

func (q Quiet) why() string {
	if q.Reason == "" {
		return fmt.Sprintf("no calls from %s to %s UTC", q.From, q.To)
	}
	return fmt.Sprintf("no calls from %s to %s UTC: %s", q.From, q.To, q.Reason)
}

// Probe is one smoke call: a GET below the environment's base.
type Probe struct {
	Path     string   `yaml:"path"`
	Expect   int      `yaml:"expect"`
	Subjects []string `yaml:"subjects"` // where ids of one tenant stand; none: the answer says nothing about the tenant
}

// Answers says how to read what comes back.
type Answers struct {
	Lists       []List          `yaml:"lists"`
	Environment Evidence        `yaml:"environment"`
	Code        Code            `yaml:"code"`
	Trace       []string        `yaml:"trace"`
	RequestID   []string        `yaml:"request_id"` // headers
	Remaining   string          `yaml:"remaining"`  // header
	Codes       map[string]Says `yaml:"codes"`
}

// List is one shape of a good answer.
type List struct {
	Name  string            `yaml:"name"`
	When  map[string]string `yaml:"when"`  // text fields at the top that must be so
	Items string            `yaml:"items"` // path of the list; every item is an object
}

// Evidence is where an answer names its environment.
type Evidence struct {
	At     []string          `yaml:"at"`
	Values map[string]string `yaml:"values"` // environment by the value as text
}

// Code is where error codes stand and what form they have.
type Code struct {
	At   []string `yaml:"at"`
	Form string   `yaml:"form"` // regular expression for the whole code
}

// Says is what one error code means, given with one status.
type Says struct {
	Status  int    `yaml:"status"`
	Verdict string `yaml:"verdict"` // "refused" or "unclear"
	Means   string `yaml:"means"`
}

// Portal is what a person does by hand; see Steps.
type Portal struct {
	Title   string   `yaml:"title"`
	URL     string   `yaml:"url"`
	Where   string   `yaml:"where"`
	Create  []string `yaml:"create"`
	Disable []string `yaml:"disable"`
	Revoke  []string `yaml:"revoke"`
}

// Validation lists the calls an issuer wants to see in one environment before another is used.
type Validation struct {
	Environment string          `yaml:"environment"`
	Calls       map[string]Call `yaml:"calls"`
}

// Call is one documented call, as data.
type Call struct {
	Method  string              `yaml:"method"`
	Path    string              `yaml:"path"` // {id} and the like stand for ids
	Expect  []int               `yaml:"expect"`
	Proves  string              `yaml:"proves"`
	Takes   map[string][]string `yaml:"takes"`   // fields of the body and their words; none: free
	Answers map[string][]string `yaml:"answers"` // fields of the answer and their words
	Gives   map[string]string   `yaml:"gives"`   // fields of the answer and what they are for us
}

// IssuerAPI describes calls that create and revoke keys of a narrower scope.
type IssuerAPI struct {
	Scope        string            `yaml:"scope"`
	Calls        map[string]Call   `yaml:"calls"`
	NameLimit    int               `yaml:"name_limit"` // characters
	Environments map[string]string `yaml:"environments"`
}

// Webhooks says how a webhook and its secret are made.
type Webhooks struct {
	Method   string `yaml:"method"`
	Path     string `yaml:"path"`
	SecretAt string `yaml:"secret_at"`
}

// Idempotency says which calls need a key that makes repeating them harmless.
type Idempotency struct {
	Header      string          `yaml:"header"`
	RequiredFor []string        `yaml:"required_for"`
	Kept        strict.Duration `yaml:"kept"`
}

// Logs is what must be kept for audits.
type Logs struct {
	Keep strict.Duration `yaml:"keep"` // at least
	What []string        `yaml:"what"`
}

// Contact is one way to reach the issuer.
type Contact struct {
	Email     string `yaml:"email"`
	Phone     string `yaml:"phone"`
	URL       string `yaml:"url"`
	Note      string `yaml:"note"`
	Confirmed bool   `yaml:"confirmed"` // false: ask the issuer before relying on it
}

// FieldNames lists the fields of a material of this issuer, sorted.
func (p Profile) FieldNames() []string { return sortedKeys(p.Fields) }

// KeyField is the public half, whose last four characters a portal shows.
func (p Profile) KeyField() string {
	for _, name := range p.FieldNames() {
		if p.Fields[name].Public {
			return name
		}
	}
	return "" // Parse let no such profile in
}

// NamesEnvironment reports whether an answer can say which environment it comes from. It need not: Reading.Environment
// may still be empty.
func (p Profile) NamesEnvironment() bool { return len(p.Answers.Environment.At) > 0 }

// Env returns one environment. The error names those there are; no environment is ever taken by default.
func (p Profile) Env(name string) (Environment, error) {
	e, known := p.Environments[name]
	if !known {
		return Environment{}, fmt.Errorf("vendor %s has no environment of this name; nothing was done: use one of %s",
			p.Name, strings.Join(sortedKeys(p.Environments), ", "))
	}
	return e, nil
}

// Steps are what a person does in the portal, in order, with the placeholders filled in. which is "create", "disable"
// or "revoke"; nil when the profile has no such steps.
func (p Profile) Steps(which, organisation, environment, name string) []string {
	if organisation == "" {
		organisation = "that owns this key"
	}
	if e := p.Environments[environment]; e.Title != "" {
		environment = e.Title
	}
	fill := strings.NewReplacer("{organisation}", organisation, "{environment}", environment, "{name}", name)
	var steps []string
	for _, step := range p.Portal.steps(which) {
		steps = append(steps, fill.Replace(step))
	}
	return steps
}

func (p Portal) steps(which string) []string {
	return map[string][]string{"create": p.Create, "disable": p.Disable, "revoke": p.Revoke}[which]
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
