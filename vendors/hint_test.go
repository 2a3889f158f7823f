package vendors

import (
	"testing"

	"quarterturn/secret"
)

func TestElsewhere(t *testing.T) {
	p := Profile{Fields: map[string]Field{"key": {Prefixes: []Prefix{{Prefix: "test_", Environment: "sandbox"}, {Prefix: "any_"}}}}}
	for _, c := range []struct{ key, env, want string }{
		{"test_abc", "production", "sandbox"}, {"test_abc", "sandbox", ""}, {"any_abc", "production", ""}, {"abc", "production", ""},
	} {
		if got := p.Elsewhere(secret.Material{"key": secret.New(c.key)}, c.env); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.key, c.env, got, c.want)
		}
	}
	if got := p.Elsewhere(secret.Material{}, "production"); got != "" {
		t.Errorf("nothing at all: %q", got)
	}
}
