package vendors

import (
	"strings"

	"quarterturn/secret"
)

// Elsewhere names the environment other than env that a field of m says it belongs to by how it begins, "" when none does.
func (p Profile) Elsewhere(m secret.Material, env string) string {
	for _, name := range p.FieldNames() {
		for _, prefix := range p.Fields[name].Prefixes {
			other := prefix.Environment != "" && prefix.Environment != env
			if other && strings.HasPrefix(m[name].Reveal(), prefix.Prefix) {
				return prefix.Environment
			}
		}
	}
	return ""
}
