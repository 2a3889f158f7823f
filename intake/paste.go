package intake

import (
	"errors"
	"io"

	"quarterturn/secret"
)

// ReadPaste parses everything in until its end, for `... | quarterturn submit`. One byte more than Limit is TooLong; the
// rest is left unread. An error that is no *Error means that in could not be read.
func ReadPaste(in io.Reader, fields []Field) (secret.Material, []string, error) {
	text, err := io.ReadAll(io.LimitReader(in, Limit+1))
	defer clear(text)
	if err != nil {
		return nil, nil, errors.New("the input could not be read to its end; nothing was taken in: give it again")
	}
	return Parse(text, fields)
}
