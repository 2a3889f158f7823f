package intake

import (
	"regexp"
	"strings"

	"quarterturn/secret"
)

// object is how JSON begins. A value may begin with a brace as well, but has neither quotes nor white space.
var object = regexp.MustCompile(`^\{(\s|["']|\}?$|[A-Za-z_]+:\s*["'])`)

// readObject reads a flat JSON object by names.
func (p *parser) readObject(text string) error {
	m, err := secret.Decode([]byte(text))
	if err != nil {
		if line, ok := clipped(text); ok {
			return p.fail(Cut, "", line)
		}
		return p.fail(JSON, "", 0)
	}
	for given, v := range m {
		field, ok := p.names[normal(given)]
		if !ok {
			return p.fail(Unknown, "", 0)
		}
		if err := p.take(field, entry{value: v.Reveal()}); err != nil {
			return err
		}
	}
	return nil
}

// lines reads everything else. What stands without a name is given its place at the end, when all is known.
func (p *parser) lines(text string) error {
	l := &reader{parser: p}
	for i, raw := range strings.Split(text, "\n") {
		line := strings.Trim(raw, space)
		if line != raw && line != "" {
			p.note("white space around the values was removed")
		}
		if err := l.line(entry{value: line, line: i + 1}); err != nil {
			return err
		}
	}
	if l.label != "" {
		return p.fail(NoValue, l.label, l.at)
	}
	if line, ok := clipped(text); ok {
		return p.fail(Cut, "", line)
	}
	return p.place(l.bare)
}

// reader goes from line to line.
type reader struct {
	*parser
	label string // field whose label stood alone in line at, its value still to come
	at    int
	bare  []entry
}

// line reads one trimmed line.
func (l *reader) line(e entry) error {
	switch kind := foreign(e.value); {
	case e.value == "":
		return nil
	case kind != "":
		return l.fail(kind, "", e.line)
	case l.comment(e.value):
		l.note("a comment line was left out")
		return nil
	}
	if field, value, ok := l.named(e.value); ok {
		return l.value(field, entry{value: value, line: e.line})
	}
	if field := l.label; field != "" {
		l.label = ""
		return l.take(field, e)
	}
	if kind := l.nameless(e.value); kind != "" {
		return l.fail(kind, "", e.line)
	}
	l.bare = append(l.bare, e)
	return nil
}

// comment is a line after a # that is no value: with white space in it, or a name that is asked for.
func (p *parser) comment(line string) bool {
	rest, ok := strings.CutPrefix(line, "#")
	_, _, named := p.named(strings.TrimLeft(rest, "#"))
	return ok && (rest == "" || named || strings.ContainsAny(rest, space))
}

// value takes what follows a name. Nothing at all means that the value stands in the next line, as portals lay it out.
func (l *reader) value(field string, e entry) error {
	if l.label != "" {
		return l.fail(NoValue, l.label, l.at)
	}
	if e.value == "" {
		l.label, l.at = field, e.line
		return nil
	}
	return l.take(field, e)
}

// named cuts a line at its first separator, when what stands before it is a name that is asked for; a known name alone
// counts as one. One blank after a colon is how labels are written, not part of the value.
func (p *parser) named(line string) (field, value string, ok bool) {
	if field, ok := p.names[normal(line)]; ok {
		return field, "", true
	}
	cut := strings.IndexAny(line, "=:\t")
	if cut < 0 {
		return "", "", false
	}
	field, ok = p.names[normal(line[:cut])]
	value = line[cut+1:]
	if line[cut] == ':' {
		value = strings.TrimPrefix(value, " ")
	}
	return field, value, ok
}

// capitals is a name as environments have them, and plain one with a word in it that names such things.
var (
	capitals = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`)
	plain    = regexp.MustCompile(`^([A-Za-z0-9]+[_.-])*(?i:key|secret|token|url|uri|host|user|username|password|passwd|id)$`)
)

// assigns reports whether a line without a known name gives another name a value: any name where nothing is kept, else
// one that no value begins with by chance. "=" at the end alone is the padding of Base64.
func (p *parser) assigns(line string) bool {
	left, right, ok := strings.Cut(line, "=")
	left = strings.Trim(left, space)
	return ok && strings.Trim(right, "=") != "" &&
		(len(left) >= 8 && capitals.MatchString(left) || plain.MatchString(left) || (p.part || strings.ContainsAny(line, space)) && identifier.MatchString(left))
}

// identifier is what could be a name in a .env file.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// nameless judges a line without a known name: "" when it can be a value.
func (p *parser) nameless(line string) Kind {
	switch label, rest, colon := strings.Cut(line, ":"); {
	case address.MatchString(line):
		return Address
	case strings.HasPrefix(line, `"`) && strings.Contains(line, `":`):
		return JSON
	case p.assigns(line), colon && (strings.HasPrefix(rest, " ") || strings.ContainsAny(label, space)):
		return Unknown
	case strings.ContainsAny(line, space):
		return InnerSpace
	}
	return ""
}

// foreign recognises what people paste instead of values.
func foreign(line string) Kind {
	low := strings.ToLower(strings.TrimLeft(line, "$> "))
	for _, begin := range []string{"curl ", "wget ", "http ", "https ", "-u ", "-h ", "--user", "--header", "authorization:",
		"x-api-key:", "basic ", "bearer "} {
		if strings.HasPrefix(low, begin) {
			return Command
		}
	}
	switch {
	case exported.MatchString(strings.TrimLeft(line, "> ")), exported.MatchString(low):
		return Exported
	case strings.Contains(low, "authorization:"), strings.Contains(low, "curl -"):
		return Command
	case strings.HasPrefix(low, "-----begin"):
		return PrivateKey
	}
	return ""
}

// place gives lines without names their fields.
func (p *parser) place(bare []entry) error {
	switch {
	case len(bare) == 0:
		return nil
	case len(p.found) > 0:
		return p.fail(Mixed, "", bare[0].line)
	case len(bare) == 1 && p.part:
		return p.take(p.guess(bare[0].value), bare[0])
	case len(bare) == 1 && len(p.fields) > 1 && strings.Contains(bare[0].value, ":"):
		return p.fail(Joined, "", bare[0].line)
	case len(bare) == 1 && len(p.fields) > 1:
		return p.fail(Missing, "", 0)
	case len(bare) != len(p.fields) || len(bare) > 2:
		return p.fail(Unnamed, "", 0)
	case len(bare) == 1:
		return p.take(p.fields[0].Name, bare[0])
	}
	return p.pair(bare[0], bare[1])
}

// pair orders two lines without names: by how a field's values are known to begin, else the public field first.
func (p *parser) pair(first, second entry) error {
	f, g := p.fields[0], p.fields[1]
	if f.Secret && !g.Secret {
		f, g = g, f
	}
	hinted := begins(first.value, f.Prefixes) || begins(second.value, g.Prefixes)
	switch {
	case p.crossed(f, g, first.value, second.value):
		f, g = g, f
		p.note(p.entry(f.Name) + " and " + p.entry(g.Name) + " had no names: told apart by how they begin")
	case hinted:
		p.note(p.entry(f.Name) + " and " + p.entry(g.Name) + " had no names: told apart by how they begin")
	default:
		p.note("the two lines had no names: the first was taken as " + p.entry(f.Name) + ", the second as " +
			p.entry(g.Name))
	}
	if err := p.take(f.Name, first); err != nil {
		return err
	}
	return p.take(g.Name, second)
}

// known maps every way to write a field's name to the field. What could be two fields is left out.
func known(fields []Field) map[string]string {
	names, doubtful := map[string]string{}, map[string]bool{}
	for _, f := range fields {
		for _, variant := range variants(f) {
			if other, taken := names[variant]; taken && other != f.Name {
				doubtful[variant] = true
			}
			names[variant] = f.Name
		}
	}
	for variant := range doubtful {
		delete(names, variant)
	}
	for _, f := range fields { // what the configuration says is never doubtful
		names[normal(f.Name)] = f.Name
		if f.Entry != "" {
			names[normal(f.Entry)] = f.Name
		}
	}
	return names
}

// variants are the labels that portals and manuals use.
func variants(f Field) []string {
	n := normal(f.Name)
	all := []string{n, "api" + n, "your" + n, "yourapi" + n}
	switch n {
	case "key":
		all = append(all, "keyid", "apikeyid", "publickey", "publicapikey", "clientid")
	case "secret":
		all = append(all, "secretkey", "apisecretkey", "secretapikey", "apikeysecret", "keysecret", "clientsecret")
	}
	return all
}

// normal makes names comparable: case and punctuation do not count.
func normal(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "", ".", "").Replace(name))
}
