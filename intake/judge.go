package intake

import (
	"regexp"
	"strings"
)

// Each rule here guesses from form. Values are random, so a rule must not fit one by chance: each is so narrow that it
// fits less than one value in a million of those that the widest alphabet allows at 16 characters.

// judge says what is wrong with one value, "" when nothing is.
func (p *parser) judge(value string, prefixes []string) Kind {
	for _, rule := range []struct {
		kind  Kind
		holds func(string) bool
	}{
		{NoValue, func(v string) bool { return v == "" }},
		{Masked, masked.MatchString},
		{Reference, reference.MatchString},
		{Placeholder, func(v string) bool { return p.placeholder(v, prefixes) }},
		{Address, address.MatchString},
		{Exported, exported.MatchString},
		{Command, func(v string) bool { return foreign(v) == Command }},
		{Named, p.renamed},
		{InnerSpace, func(v string) bool { return strings.ContainsAny(v, space) }},
		{Quotes, misquoted.MatchString},
		{Doubled, repeated},
		{OtherVendor, func(v string) bool { return !begins(v, prefixes) && issued.MatchString(v) }},
	} {
		if rule.holds(value) {
			return rule.kind
		}
	}
	return ""
}

// masked is what a page shows until somebody presses "reveal", or what it shortened.
var masked = regexp.MustCompile(`^[A-Za-z0-9_-]{0,16}(\*{3,}|\.{3,})[A-Za-z0-9_-]{0,16}$|\*{6}|\.{6}|^[xX]{6,}[A-WYZa-wyz0-9][A-Za-z0-9]{0,7}$`)

// reference is a value that some other tool would have to look up: a shell, a template, a secret store.
var reference = regexp.MustCompile(`^\$\{[A-Za-z_][A-Za-z0-9_.:-]*\}$|^\$[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$|^\$\([a-z]+[ )]|` +
	`^%[A-Z][A-Z0-9]*(_[A-Z0-9]+)+%$|^\$?\{\{.*\}\}$|\{\{ |^(op|bws|secretref|vault|ref\+[a-z]+)://|^arn:aws:|^!vault\b`)

// address is a URL, alone or with something in front.
var address = regexp.MustCompile(`(?i)https?://|^(wss?|s?ftp|ssh|git|postgres(ql)?|mysql|mongodb(\+srv)?|rediss?|amqps?|file|s3|jdbc:[a-z]+)://`)

// exported is a shell's assignment: there, quotes, dollars and backslashes are no part of a value.
var exported = regexp.MustCompile(`(?i)^(export|setx?|setenv|declare +-x|env) +[a-z_][a-z0-9_]*|^\$env:[a-z_][a-z0-9_]*`)

// misquoted is what is left of quotes, or of the list that a plain value was copied from. A comma at the end of any
// other value is taken as part of it.
var misquoted = regexp.MustCompile("[\"'`]|^[A-Za-z0-9_-]{24,}[,;]$")

// renamed is KEY=KEY=value: a name pasted in front of a line that had one.
func (p *parser) renamed(v string) bool {
	name, _, ok := strings.Cut(v, "=")
	if !ok {
		name, _, ok = strings.Cut(v, ":")
	}
	return ok && p.names[normal(name)] != ""
}

// repeated is one value twice or more often in a row. Shorter ones could be so by chance.
func repeated(v string) bool {
	for unit := 8; unit <= len(v)/2; unit++ {
		if len(v)%unit == 0 && v[:len(v)-unit] == v[unit:] {
			return true
		}
	}
	return false
}

// issued are the forms of tokens that vendors publish, so that tokens can be found where they do not belong. Each group
// has its vendor's name.
var issued = regexp.MustCompile(`^(?:` +
	`(?P<AWS>(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16})|` +
	`(?P<GitHub>gh[oprsu]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})|` +
	`(?P<GitLab>glpat-[A-Za-z0-9_.-]{20,})|` +
	`(?P<Slack>xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,})|` +
	`(?P<Stripe>[rsp]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})|` +
	`(?P<Google>AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,})|` +
	`(?P<Vault>hv[sbr]\.[A-Za-z0-9_-]{20,})|` +
	`(?P<Doppler>dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{20,})|` +
	`(?P<OpenAI>sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,})|` +
	`(?P<Anthropic>sk-ant-[A-Za-z0-9_-]{20,})|` +
	`(?P<npm>npm_[A-Za-z0-9]{36})|` +
	`(?P<PyPI>pypi-[A-Za-z0-9_-]{16,})|` +
	`(?P<Docker>dckr_[po]at_[A-Za-z0-9_-]{20,})|` +
	`(?P<SendGrid>SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})|` +
	`(?P<Twilio>(?:AC|SK)[0-9a-f]{32})|` +
	`(?P<an_identity_provider>eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*)` +
	`)$`)

// issuer names the vendor whose tokens have this form, "" when none is known.
func issuer(v string) string {
	if !issued.MatchString(v) {
		return ""
	}
	for i, group := range issued.FindStringSubmatch(v) {
		if i > 0 && group != "" {
			return strings.ReplaceAll(issued.SubexpNames()[i], "_", " ")
		}
	}
	return ""
}
