package config

import (
	"slices"

	"quarterturn/internal/strict"
)

// decode fills what fits, also when something does not; err is why. A decoder drops list items that don't fit, and what
// follows them would be found under the wrong index: so the lists that hold what is checked are filled item by item.
func decode(doc *strict.Document) (file, error) {
	var f file
	err := doc.Decode(&f)
	if err == nil {
		return f, nil // nothing was dropped
	}
	f.Notify = items[channel](doc, "notify")
	f.Credentials = items[credential](doc, "credentials")
	for i := range f.Credentials {
		c := &f.Credentials[i]
		c.Places = items[place](doc, "credentials", i, "places")
		c.Consumers = items[consumer](doc, "credentials", i, "consumers")
		for j := range c.Consumers {
			c.Consumers[j].Reads = items[string](doc, "credentials", i, "consumers", j, "reads")
		}
	}
	for name, p := range f.Policies {
		if doc.Sub("policies", name, "remind") != nil {
			p.Remind = items[strict.Duration](doc, "policies", name, "remind")
		}
		p.Freezes = items[freeze](doc, "policies", name, "freezes")
		f.Policies[name] = p
	}
	return f, err
}

// items decodes the list at path one by one; what does not fit stays empty or half filled.
func items[T any](doc *strict.Document, path ...any) []T {
	list := []T{}
	for i := 0; ; i++ {
		item := doc.Sub(append(slices.Clip(path), i)...)
		if item == nil {
			return list
		}
		var one T
		_ = item.Decode(&one) // the whole file's own decoding has the error
		list = append(list, one)
	}
}

// file is quarterturn.yaml as written. Kinds are caught undecoded: their documents are found by name when needed.
type file struct {
	Ledger      string                          `yaml:"ledger"`
	Seal        seal                            `yaml:"seal"`
	Fingerprint fingerprint                     `yaml:"fingerprint"`
	Calls       calls                           `yaml:"calls"`
	Profiles    []string                        `yaml:"profiles"`
	People      map[string]people               `yaml:"people"`
	Policies    map[string]policy               `yaml:"policies"`
	Defaults    struct{ Policy, People string } `yaml:"defaults"`
	Credentials []credential                    `yaml:"credentials"`
	Notify      []channel                       `yaml:"notify"`

	Include     []string       `yaml:"include"`
	Connections map[string]any `yaml:"connections"`
	Templates   map[string]any `yaml:"templates"`
}

type channel struct {
	Name  string         `yaml:"name"`
	On    string         `yaml:"on"`
	Only  []string       `yaml:"only"`
	Kinds map[string]any `yaml:",inline"`
}

type seal struct {
	Recipients   []string `yaml:"recipients"`
	IdentityFile string   `yaml:"identity_file"`
}

type fingerprint struct {
	KeyFile string `yaml:"key_file"`
}

type calls struct {
	Keep strict.Duration `yaml:"keep"`
}

type people struct {
	Owner     string   `yaml:"owner"`
	Deputy    string   `yaml:"deputy"`
	Approvers []string `yaml:"approvers"`
}

type policy struct {
	MaxAge            strict.Duration   `yaml:"max_age"`
	RotateAt          strict.Duration   `yaml:"rotate_at"`
	Remind            []strict.Duration `yaml:"remind"`
	Overlap           strict.Duration   `yaml:"overlap"`
	EscalateAfter     strict.Duration   `yaml:"escalate_after"`
	ApproveRevocation string            `yaml:"approve_revocation"`
	Freezes           []freeze          `yaml:"freezes"`
}

type freeze struct {
	From   string `yaml:"from"`
	To     string `yaml:"to"`
	Reason string `yaml:"reason"`
}

type credential struct {
	Name         string     `yaml:"name"`
	Vendor       string     `yaml:"vendor"`
	Environment  string     `yaml:"environment"`
	Organisation string     `yaml:"organisation"`
	Policy       string     `yaml:"policy"`
	People       string     `yaml:"people"`
	Places       []place    `yaml:"places"`
	Consumers    []consumer `yaml:"consumers"`
}

type place struct {
	Name    string            `yaml:"name"`
	Fields  map[string]string `yaml:"fields"`
	Follows string            `yaml:"follows"`
	On      string            `yaml:"on"`
	Kinds   map[string]any    `yaml:",inline"`
}

type consumer struct {
	Name        string          `yaml:"name"`
	Reads       []string        `yaml:"reads"`
	Redeploy    map[string]any  `yaml:"redeploy"`
	Proof       map[string]any  `yaml:"proof"`
	ProveWithin strict.Duration `yaml:"prove_within"`
}
