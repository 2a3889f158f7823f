package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// state is a vendor's own tables: digests of keys and secrets, never one of either.
type state struct {
	Seed  string      `json:"seed"`
	Pairs []savedPair `json:"pairs"`
}

type savedPair struct {
	ID           string     `json:"id"`
	Organisation string     `json:"organisation"`
	Environment  string     `json:"environment"`
	Name         string     `json:"name"`
	LastFour     string     `json:"last_four"`
	KeyDigest    string     `json:"key_sha256"`
	SecretDigest string     `json:"secret_sha256"`
	Created      time.Time  `json:"created"`
	Expires      time.Time  `json:"expires,omitzero"`
	Used         time.Time  `json:"used,omitzero"`
	Acts         []savedAct `json:"acts"`
}

type savedAct struct {
	Status Status    `json:"status"`
	Bites  time.Time `json:"bites"`
}

// State is everything that Options.Resume needs to go on, as JSON. No key or secret can be had from it.
func (w *World) State() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state()
}

func (w *World) state() []byte {
	s := state{Seed: w.seed, Pairs: []savedPair{}}
	for _, p := range w.pairs {
		saved := savedPair{ID: p.id, Organisation: p.organisation, Environment: p.environment, Name: p.name, LastFour: p.lastFour,
			KeyDigest: hex.EncodeToString(p.key[:]), SecretDigest: hex.EncodeToString(p.secret[:]),
			Created: p.created, Expires: p.expires, Used: p.used}
		for _, a := range p.acts {
			saved.Acts = append(saved.Acts, savedAct{a.status, a.bites})
		}
		s.Pairs = append(s.Pairs, saved)
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and times of this package's own
	}
	return b
}

// keep saves what a person just did. A portal that can't write its tables has broken.
func (w *World) keep() error {
	if w.save == nil || w.save(w.state()) == nil {
		return nil
	}
	return ErrPortal
}

func (w *World) resume(text []byte) error {
	var s state
	if json.Unmarshal(text, &s) != nil || s.Seed == "" {
		return errors.New("sim: the state to go on from is not one that a world wrote")
	}
	w.seed = s.Seed
	for _, saved := range s.Pairs {
		p, ok := saved.pair()
		if !ok {
			return errors.New("sim: a pair in the state to go on from is not one that a world wrote")
		}
		w.pairs = append(w.pairs, p)
	}
	return nil
}

func (s savedPair) pair() (*pair, bool) {
	p := &pair{id: s.ID, organisation: s.Organisation, environment: s.Environment, name: s.Name, lastFour: s.LastFour,
		created: s.Created, expires: s.Expires, used: s.Used}
	for _, a := range s.Acts {
		p.acts = append(p.acts, act{a.Status, a.Bites})
	}
	ok := digest(&p.key, s.KeyDigest) && digest(&p.secret, s.SecretDigest) && len(p.acts) > 0 && len(p.lastFour) == 4
	return p, ok
}

func digest(into *[sha256.Size]byte, text string) bool {
	b, err := hex.DecodeString(text)
	return copy(into[:], b) == sha256.Size && err == nil && len(b) == sha256.Size
}
