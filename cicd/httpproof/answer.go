package httpproof

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"quarterturn/secret"
)

// errMissing: the answer can be read, and shows nothing at the path.
var errMissing = errors.New("is missing")

// labelError is about the label.
type labelError struct{ error }

func (e labelError) Unwrap() error { return e.error }

// noLabelYet: before the first write there is none to show.
func noLabelYet(err error) bool {
	_, label := errors.AsType[labelError](err)
	return label && errors.Is(err, errMissing)
}

// shown is what one answer says, before anybody asks what was wanted.
type shown struct {
	prints secret.Prints
	label  string
}

// read takes out of the answer what is configured. Its errors name paths of the configuration, never what stands there.
func (p *Prover) read(body []byte) (shown, error) {
	var s shown
	if p.config.Fingerprint != "" {
		report, err := lookup(body, p.config.Fingerprint)
		if err != nil {
			return shown{}, err
		}
		if s.prints, err = p.own(report); err != nil {
			return shown{}, err
		}
	}
	if p.config.Label != "" {
		label, err := lookup(body, p.config.Label)
		if err != nil {
			return shown{}, labelError{err}
		}
		s.label = label
	}
	return s, nil
}

// own parses a report and refuses one that was made for another consumer: it proves nothing about this one.
func (p *Prover) own(report string) (secret.Prints, error) {
	prints, err := secret.ParseReport(report)
	if err != nil {
		return nil, fmt.Errorf("what stands at %s is not a report of the form <key id>/<consumer>:<64 hex>",
			p.config.Fingerprint)
	}
	for name := range prints {
		if _, consumer, _ := strings.Cut(name, "/"); consumer != p.opt.Consumer {
			return nil, fmt.Errorf("the report at %s was made with another consumer's key", p.config.Fingerprint)
		}
	}
	return prints, nil
}

// lookup finds the string at a path of names in a JSON object.
func lookup(body []byte, path string) (string, error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return "", errors.New("the answer is not JSON")
	}
	at := json.RawMessage(body)
	for _, name := range names(path) {
		var err error
		if at, err = member(at, name); err != nil {
			return "", fmt.Errorf("the answer's %s %w", path, err)
		}
	}
	var text *string
	if json.Unmarshal(at, &text) != nil || text == nil || *text == "" {
		return "", fmt.Errorf("the answer's %s is not a string with something in it", path)
	}
	return *text, nil
}

// member returns one member of an object, by its exact name. Two members of that name are refused: readers differ in
// which of the two they take.
func member(object json.RawMessage, name string) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("leads into something that is not an object")
	}
	var found json.RawMessage
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, errors.New("cannot be read")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errors.New("cannot be read")
		}
		if key == name && found != nil {
			return nil, errors.New("is there twice")
		}
		if key == name {
			found = value
		}
	}
	if found == nil {
		return nil, errMissing
	}
	return found, nil
}

// alike reports whether a label is of the form that ours have: same length, same punctuation in the same places, same
// beginning. A path that points at the wrong member, perhaps a secret, must not carry it into a trail.
func alike(label, ours string) bool {
	if len(label) != len(ours) {
		return false
	}
	start := strings.IndexAny(ours, "-_.:") + 1
	if label[:start] != ours[:start] {
		return false
	}
	for i := start; i < len(ours); i++ {
		if plain(label[i]) != plain(ours[i]) || !plain(label[i]) && label[i] != ours[i] {
			return false
		}
	}
	return true
}

// plain reports an ASCII letter or digit.
func plain(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
