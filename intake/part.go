package intake

import (
	"context"
	"errors"
	"io"
	"os"

	"quarterturn/secret"
)

// ReadPart is ReadPaste for something that was found somewhere: some of the fields will do, at least one. A single value
// without a name is given the field whose values are known to begin like it, else the first secret one: a guess, said in
// the notes. Never for a pair that is to be kept.
func ReadPart(in io.Reader, fields []Field) (secret.Material, []string, error) {
	text, err := io.ReadAll(io.LimitReader(in, Limit+1))
	defer clear(text)
	if err != nil {
		return nil, nil, errors.New("the input could not be read to its end; nothing was taken in: give it again")
	}
	return parse(text, fields, true)
}

// PromptPart is Prompt under the rules of ReadPart.
func PromptPart(ctx context.Context, tty *os.File, fields []Field) (secret.Material, []string, error) {
	return prompt(ctx, tty, fields, true)
}

// guess gives a lone value a field.
func (p *parser) guess(value string) string {
	p.note("one value without a name: its field was guessed")
	field := p.fields[0].Name
	for _, f := range p.fields {
		if begins(value, f.Prefixes) {
			return f.Name
		}
		if f.Secret {
			field = f.Name
		}
	}
	return field
}
