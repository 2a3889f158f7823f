package vendors

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"quarterturn/internal/httpx"
	"quarterturn/internal/strict"
)

// shortest is the least propagation time off loopback: a profile must not talk a death proof into haste.
const shortest = strict.Duration(10 * time.Minute)

// inspection collects what a schema cannot say.
type inspection struct {
	Profile
	doc   *strict.Document
	found strict.Problems
}

func (i *inspection) add(what, remedy string, path ...any) {
	i.found = append(i.found, i.doc.Problem(what, remedy, path...))
}

func (p Profile) check(doc *strict.Document) strict.Problems {
	i := &inspection{Profile: p, doc: doc}
	for _, look := range []func(){i.lifecycle, i.fields, i.auth, i.hosts, i.distinct, i.probes, i.evidence, i.codes,
		i.portal, i.names} {
		look()
	}
	return i.found
}

func (i *inspection) lifecycle() {
	l := i.Lifecycle
	if l.Propagation < shortest && !i.loopback() {
		i.add("a propagation time too short for a real host", "use at least 10m", "lifecycle", "propagation")
	}
	if l.Kind == "overlap" && l.LivePairs < 2 {
		i.add("one live pair cannot overlap with another", "use at least 2, or another kind", "lifecycle", "live_pairs")
	}
	if l.CanDisable() && len(i.Portal.Disable) == 0 {
		i.add("possible, but the portal has no steps for it", "add portal.disable", "lifecycle", "disable")
	}
}

func (i *inspection) fields() {
	public := 0
	for _, name := range i.FieldNames() {
		f := i.Fields[name]
		if f.Public {
			public++
		}
		if low, high := f.Length.bounds(); low > high {
			i.add("the shortest length is above the longest", "correct min or max", "fields", name, "length")
		}
		for n, hint := range f.Prefixes {
			i.environment(hint.Environment, "fields", name, "prefixes", n, "environment")
		}
	}
	if public != 1 {
		i.add("not exactly one public field", "mark the half whose last characters the portal shows", "fields")
	}
}

// environment reports a name that is no environment; "" is none at all.
func (i *inspection) environment(name string, path ...any) {
	if _, known := i.Environments[name]; name != "" && !known {
		i.add("no such environment", "use one of "+strings.Join(sortedKeys(i.Environments), ", "), path...)
	}
}

func (i *inspection) auth() {
	b := i.Auth.Basic
	for part, field := range map[string]string{"username": b.Username, "password": b.Password} {
		if _, known := i.Fields[field]; !known {
			i.add("no such field", "use one of "+strings.Join(i.FieldNames(), ", "), "auth", "basic", part)
		}
	}
	if b.Username == b.Password {
		i.add("user name and password are one field", "name two", "auth", "basic")
	}
}

func (i *inspection) hosts() {
	for _, name := range sortedKeys(i.Environments) {
		e := i.Environments[name]
		i.base(e.Base, "environments", name, "base")
		for n, alias := range e.Aliases {
			i.base(alias.Base, "environments", name, "aliases", n, "base")
		}
	}
}

func (i *inspection) base(text string, path ...any) {
	u, err := url.Parse(text)
	if err != nil {
		i.add("not a URL", "write it like https://api.vendor.example/v1", path...)
		return
	}
	if what := badBase(u); what != "" {
		i.add(what, "write it like https://api.vendor.example/v1", path...)
	}
}

// badBase says what is wrong with a base URL, "" when nothing is.
func badBase(u *url.URL) string {
	switch {
	case u.Hostname() == "":
		return "no host"
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "credentials, a query or a fragment in a base URL"
	case u.Scheme != "https" && (u.Scheme != "http" || !httpx.Loopback(u.Hostname())):
		return "plain http to another machine"
	}
	return ""
}

// distinct keeps a key of one environment from ever being sent to the host of another.
func (i *inspection) distinct() {
	owner := map[string]string{}
	for _, name := range sortedKeys(i.Environments) {
		for _, host := range i.Environments[name].everyHost() {
			if other, taken := owner[host]; taken && other != name {
				i.add("the same host as environment "+other, "give every environment its own", "environments", name, "base")
			}
			owner[host] = name
		}
	}
}

func (e Environment) everyHost() []string {
	hosts := []string{canonical(e.Host())}
	for _, alias := range e.Aliases {
		hosts = append(hosts, canonical(Environment{Base: alias.Base}.Host()))
	}
	return hosts
}

// canonical drops what does not make a host another one: the default port and the final dot.
func canonical(host string) string { return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ".") }

func (i *inspection) probes() {
	if _, known := i.Probes[i.Probe]; !known {
		i.add("no such probe", "use one of "+strings.Join(sortedKeys(i.Probes), ", "), "probe")
	}
}

func (i *inspection) evidence() {
	for _, value := range sortedKeys(i.Answers.Environment.Values) {
		i.environment(i.Answers.Environment.Values[value], "answers", "environment", "values", value)
	}
}

func (i *inspection) codes() {
	form, err := anchored(i.Answers.Code.Form)
	if err != nil {
		i.add("not a regular expression", "use RE2 syntax", "answers", "code", "form")
		return
	}
	for _, code := range sortedKeys(i.Answers.Codes) {
		if !form.MatchString(code) {
			i.add("a code outside answers.code.form would never be seen", "correct one of them", "answers", "codes", code)
		}
		if s := i.Answers.Codes[code]; s.Verdict == Refused.String() && !refusal(s.Status) {
			i.add("this status never says that a pair is dead", "use verdict unclear", "answers", "codes", code, "verdict")
		}
	}
}

// refusal reports whether a status can mean that a pair does not work: a client error that waiting does not mend.
func refusal(status int) bool {
	return status >= 400 && status < 500 && !slices.Contains([]int{408, 425, 429}, status)
}

// anchored compiles a form that has to match the whole of a code. The form must be whole by itself too, or it could
// close the group around it.
func anchored(form string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(form); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + form + `)\z`)
}

func (i *inspection) portal() {
	placeholder := regexp.MustCompile(`\{[^{}]*\}`)
	for _, which := range []string{"create", "disable", "revoke"} {
		for n, step := range i.Portal.steps(which) {
			for _, found := range placeholder.FindAllString(step, -1) {
				if !slices.Contains([]string{"{organisation}", "{environment}", "{name}"}, found) {
					i.add("unknown placeholder", "use {organisation}, {environment} or {name}", "portal", which, n)
				}
			}
		}
	}
}

func (i *inspection) names() {
	i.environment(i.Validation.Environment, "validation", "environment")
	for _, name := range sortedKeys(i.Issuer.Environments) {
		i.environment(name, "issuer", "environments", name)
	}
}
