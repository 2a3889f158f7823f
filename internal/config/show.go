package config

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"quarterturn/internal/strict"
)

// Shown is a configuration for people, with everything resolved: the same fields as YAML and as JSON. Texts that look
// like a secret are replaced by "(hidden)".
type Shown struct {
	Files       []string       `yaml:"files" json:"files"`
	Ledger      string         `yaml:"ledger" json:"ledger"`
	KeepCalls   string         `yaml:"keep_calls" json:"keep_calls"`
	Recipients  []string       `yaml:"seal_recipients" json:"seal_recipients"`
	Identity    string         `yaml:"seal_identity_file,omitempty" json:"seal_identity_file,omitempty"`
	Fingerprint string         `yaml:"fingerprint_key_file" json:"fingerprint_key_file"`
	Profiles    []string       `yaml:"profiles,omitempty" json:"profiles,omitempty"`
	Channels    []ShownChannel `yaml:"notify,omitempty" json:"notify,omitempty"`
	Credentials []ShownOne     `yaml:"credentials" json:"credentials"`
}

// ShownChannel is one channel.
type ShownChannel struct {
	Name       string           `yaml:"name" json:"name"`
	Settings   map[string]any   `yaml:",inline" json:"settings"` // under its kind
	Connection *ShownConnection `yaml:"connection,omitempty" json:"connection,omitempty"`
	Only       []string         `yaml:"only,omitempty,flow" json:"only,omitempty"`
}

// ShownConnection is the connection that a place or channel uses.
type ShownConnection struct {
	Name     string         `yaml:"name" json:"name"`
	Settings map[string]any `yaml:",inline" json:"settings"` // under its kind
}

// ShownOne is one credential.
type ShownOne struct {
	Name         string          `yaml:"name" json:"name"`
	Where        string          `yaml:"written_at" json:"written_at"` // file:line:column
	Vendor       string          `yaml:"vendor" json:"vendor"`
	Environment  string          `yaml:"environment" json:"environment"`
	Organisation string          `yaml:"organisation,omitempty" json:"organisation,omitempty"`
	Policy       ShownPolicy     `yaml:"policy" json:"policy"`
	Owner        string          `yaml:"owner" json:"owner"`
	Deputy       string          `yaml:"deputy,omitempty" json:"deputy,omitempty"`
	Approvers    []string        `yaml:"approvers,omitempty,flow" json:"approvers,omitempty"`
	Places       []ShownPlace    `yaml:"places" json:"places"`
	Consumers    []ShownConsumer `yaml:"consumers,omitempty" json:"consumers,omitempty"`
}

// ShownPolicy is a policy, its spans as they would be written.
type ShownPolicy struct {
	Name              string   `yaml:"name" json:"name"`
	MaxAge            string   `yaml:"max_age" json:"max_age"`
	RotateAt          string   `yaml:"rotate_at" json:"rotate_at"`
	Remind            []string `yaml:"remind,flow" json:"remind"`
	Overlap           string   `yaml:"overlap" json:"overlap"`
	EscalateAfter     string   `yaml:"escalate_after" json:"escalate_after"`
	ApproveRevocation string   `yaml:"approve_revocation" json:"approve_revocation"`
	Freezes           []string `yaml:"freezes,omitempty" json:"freezes,omitempty"` // "from to: reason", days UTC
}

// ShownPlace is one place.
type ShownPlace struct {
	Name       string            `yaml:"name" json:"name"`
	Settings   map[string]any    `yaml:",inline" json:"settings"` // under its kind
	Fields     map[string]string `yaml:"fields" json:"fields"`
	Follows    string            `yaml:"follows,omitempty" json:"follows,omitempty"`
	Connection *ShownConnection  `yaml:"connection,omitempty" json:"connection,omitempty"`
}

// ShownConsumer is one consumer.
type ShownConsumer struct {
	Name        string         `yaml:"name" json:"name"`
	Reads       []string       `yaml:"reads,flow" json:"reads"`
	Redeploy    map[string]any `yaml:"redeploy,omitempty" json:"redeploy,omitempty"`
	Proof       map[string]any `yaml:"proof,omitempty" json:"proof,omitempty"`
	ProveWithin string         `yaml:"prove_within" json:"prove_within"`
}

// Show is c with its credentials, or with the one of that name alone; none when there is no such.
func (c *Config) Show(name string) Shown {
	s := Shown{Files: c.Files, Ledger: c.Ledger.Kind + ":" + c.Ledger.Path, KeepCalls: span(c.KeepCalls), Recipients: c.Seal.Recipients,
		Identity: c.Seal.IdentityFile, Fingerprint: c.Fingerprint.KeyFile, Profiles: c.Profiles, Credentials: []ShownOne{}}
	for _, one := range c.Channels {
		s.Channels = append(s.Channels, ShownChannel{one.Name, shownKind(one.Kind, one.Settings), shownConnection(one.Connection), one.Only})
	}
	for _, one := range c.Credentials {
		if name == "" || one.Name == name {
			s.Credentials = append(s.Credentials, shownOne(one))
		}
	}
	return s
}

// YAML writes s for people. Errors: w's.
func (s Shown) YAML(w io.Writer) error {
	text, err := yaml.Marshal(s)
	if err != nil {
		return fmt.Errorf("the configuration cannot be shown: %w", err)
	}
	_, err = w.Write(text)
	return err
}

func shownOne(c Credential) ShownOne {
	s := ShownOne{Name: c.Name, Where: c.Where, Vendor: c.Vendor, Environment: c.Environment, Organisation: veil(c.Organisation),
		Owner: c.Owner, Deputy: c.Deputy, Approvers: c.Approvers}
	p := c.Policy
	s.Policy = ShownPolicy{Name: p.Name, MaxAge: span(p.MaxAge), RotateAt: span(p.RotateAt), Remind: names(p.Remind, span),
		Overlap: span(p.Overlap), EscalateAfter: span(p.EscalateAfter), ApproveRevocation: string(p.ApproveRevocation)}
	for _, f := range p.Freezes {
		s.Policy.Freezes = append(s.Policy.Freezes, f.From.Format(time.DateOnly)+" "+f.To.Format(time.DateOnly)+": "+veil(f.Reason))
	}
	for _, p := range c.Places {
		s.Places = append(s.Places, ShownPlace{p.Name, shownKind(p.Kind, p.Settings), p.Fields, p.Follows, shownConnection(p.Connection)})
	}
	for _, one := range c.Consumers {
		s.Consumers = append(s.Consumers, ShownConsumer{one.Name, one.Reads, shownSetting(one.Redeploy), shownSetting(one.Proof), span(one.ProveWithin)})
	}
	return s
}

func span(d time.Duration) string { return strict.Duration(d).String() }

func shownConnection(c *Connection) *ShownConnection {
	if c == nil {
		return nil
	}
	return &ShownConnection{c.Name, shownKind(c.Kind, c.Settings)}
}

func shownSetting(s *Setting) map[string]any {
	if s == nil {
		return nil
	}
	return shownKind(s.Kind, s.Settings)
}

// shownKind is settings under their kind, without what looks like a secret.
func shownKind(kind string, settings *strict.Document) map[string]any {
	var plain any
	if err := json.Unmarshal(settings.Canonical(), &plain); err != nil {
		panic("config: canonical settings are JSON") // Canonical made it
	}
	return map[string]any{kind: veilAll(plain)}
}

func veilAll(at any) any {
	switch at := at.(type) {
	case string:
		return veil(at)
	case []any:
		for i := range at {
			at[i] = veilAll(at[i])
		}
	case map[string]any:
		veiled := map[string]any{}
		for name, sub := range at {
			veiled[strict.ShowName(name)] = veilAll(sub)
		}
		return veiled
	}
	return at
}

// secretForms are keys with a mark of their own, logins in an address, and long runs that mix digits and letters.
var (
	secretForms = regexp.MustCompile(`AGE-SECRET-KEY-|-----BEGIN|://[^/@\s]*:[^/@\s]*@`)
	longRun     = regexp.MustCompile(`[A-Za-z0-9+/=_]{20,}`)
	digit       = regexp.MustCompile(`[0-9]`)
	small       = regexp.MustCompile(`[a-z]`)
	capital     = regexp.MustCompile(`[A-Z]`)
	unbroken    = regexp.MustCompile(`[A-Za-z0-9]{20,}`)
)

// veil is text, or "(hidden)" when it looks like a secret. No file should hold one: this is for those that do.
func veil(text string) string {
	mixed := func(run string) bool {
		return digit.MatchString(run) && small.MatchString(run) && capital.MatchString(run)
	}
	hidden := secretForms.MatchString(text)
	for _, run := range longRun.FindAllString(text, -1) {
		hidden = hidden || mixed(run)
	}
	for _, run := range unbroken.FindAllString(text, -1) {
		hidden = hidden || digit.MatchString(run)
	}
	if hidden || strings.Contains(text, "\x00") {
		return "(hidden)"
	}
	return text
}
