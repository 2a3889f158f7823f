package intake

import (
	"strings"
	"testing"
)

func TestReadPart(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"both", "key=" + goodKey + "\nsecret=" + goodSecret, []string{"key", "secret"}},
		{"a named half", "secret=" + goodSecret, []string{"secret"}},
		{"a lone public value", goodKey, []string{"key"}},
		{"a lone value of unknown form", goodSecret, []string{"secret"}},
	} {
		m, _, err := ReadPart(strings.NewReader(c.text), fields)
		if err != nil || strings.Join(m.Fields(), " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: %v %v", c.name, m.Fields(), err)
		}
	}
	for _, text := range []string{"", "key=", "key=<your key>", "OTHER=" + goodSecret} {
		if _, _, err := ReadPart(strings.NewReader(text), fields); err == nil || strings.Contains(err.Error(), goodSecret) {
			t.Errorf("taken, or shown: %v", err)
		}
	}
}
