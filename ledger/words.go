package ledger

import (
	"context"
	"fmt"

	"quarterturn/rotator"
)

// Say implements rotator.Ledger. A word on a credential wakes its open rotations. ErrNotFound: no such rotation, or it
// has ended and nobody would hear the word.
func (l *SQLite) Say(ctx context.Context, w rotator.Word, e ...rotator.Event) (seq int64, err error) {
	err = l.write(ctx, func(s session) error {
		seq, err = s.say(w, e)
		return err
	})
	if err != nil {
		return 0, err
	}
	return seq, nil
}

func (s session) say(w rotator.Word, e []rotator.Event) (int64, error) {
	credential, err := s.listener(w)
	if err != nil {
		return 0, err
	}
	w.Credential = credential
	seq, err := s.append(w)
	if err != nil {
		return 0, err
	}
	if err := s.wake(w); err != nil {
		return 0, err
	}
	home, others := w.Rotation, []rotator.ID{CredentialChain(credential)}
	if home == "" {
		home, others = others[0], nil
	}
	return seq, s.trail(home, e, others...)
}

// listener is the credential a word concerns.
func (s session) listener(w rotator.Word) (string, error) {
	if w.Rotation == "" {
		if w.Credential == "" {
			return "", fmt.Errorf("%w: a word needs a rotation or a credential", ErrRefused)
		}
		return w.Credential, nil
	}
	r, err := s.rotation(w.Rotation)
	switch {
	case err != nil:
		return "", err
	case r.State.Over():
		return "", fmt.Errorf("an open rotation with this id: %w; it has ended", rotator.ErrNotFound)
	case w.Credential != "" && w.Credential != r.Credential:
		return "", fmt.Errorf("%w: a word on a rotation of another credential", ErrRefused)
	}
	return r.Credential, nil
}

func (s session) append(w rotator.Word) (int64, error) {
	if err := s.row([]any{&w.Seq}, `SELECT COALESCE(max(seq), 0) + 1 FROM words`); err != nil {
		return 0, err
	}
	if w.At.IsZero() {
		w.At = s.now
	}
	w.At, w.Expires = w.At.UTC(), w.Expires.UTC()
	text, err := encode(w)
	if err != nil {
		return 0, err
	}
	_, err = s.exec(`INSERT INTO words (seq, credential, rotation, kind, expires, body) VALUES (?, ?, ?, ?, ?, ?)`,
		w.Seq, w.Credential, string(w.Rotation), string(w.Kind), nanos(w.Expires), text)
	return w.Seq, err
}

// wake leaves an earlier NextAt: a rotation that waits for its turn keeps it.
func (s session) wake(w rotator.Word) error {
	_, err := s.exec(`UPDATE rotations SET next_at = ? WHERE open = 1 AND next_at > ?
		AND (id = ? OR ? = '' AND credential = ?)`,
		nanos(s.now), nanos(s.now), string(w.Rotation), string(w.Rotation), w.Credential)
	return err
}

// unheard lists what a claim hands over: words on the rotation after Facts.Heard, and waivers on its credential that
// have not expired, whether heard or not.
func (s session) unheard(r rotator.Rotation) ([]rotator.Word, error) {
	return list(s, body[rotator.Word], `SELECT body FROM words WHERE rotation = ? AND seq > ?
		OR rotation = '' AND credential = ? AND kind = ? AND expires > ? ORDER BY seq`,
		string(r.ID), r.Facts.Heard, r.Credential, string(rotator.WaiveIt), nanos(s.now))
}

// Words implements rotator.Ledger.
func (l *SQLite) Words(ctx context.Context, credential string) (all []rotator.Word, err error) {
	err = l.look(ctx, func(s session) error {
		all, err = list(s, body[rotator.Word], `SELECT body FROM words WHERE credential = ? ORDER BY seq`, credential)
		return err
	})
	return all, err
}
