package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"quarterturn/ledger"
	"quarterturn/rotator"
)

// exportLine is one line of an export. Type says which fields count: export, event, head, pair, rotation or end.
type exportLine struct {
	Type       string            `json:"type"`
	Version    int               `json:"version,omitempty"`
	Since      *time.Time        `json:"since,omitempty"`
	Credential string            `json:"credential,omitempty"`
	Chain      string            `json:"chain,omitempty"`
	Seq        int64             `json:"seq,omitempty"`
	At         *time.Time        `json:"at,omitempty"`
	Kind       string            `json:"kind,omitempty"`
	Who        string            `json:"who,omitempty"`
	From       string            `json:"from,omitempty"`
	To         string            `json:"to,omitempty"`
	Text       string            `json:"text,omitempty"`
	Data       map[string]string `json:"data,omitempty"`
	Prev       string            `json:"prev,omitempty"`
	Hash       string            `json:"hash,omitempty"`
	ID         string            `json:"id,omitempty"`
	State      string            `json:"state,omitempty"`
	Last4      string            `json:"last4,omitempty"`
	Old        string            `json:"old,omitempty"`
	New        string            `json:"new,omitempty"`
	Digest     string            `json:"digest,omitempty"`
}

func (a *app) exportCmd() *cobra.Command {
	var since, credential, file string
	c := &cobra.Command{Use: "export", Short: "the trail as JSON Lines, without any value", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			from, err := time.Parse(time.DateOnly, since)
			if err != nil && since != "" {
				return usage("--since takes a day such as 2026-01-31")
			}
			return a.with(c.Context(), func(s *shop) error { return a.export(c.Context(), s, from, credential, file) })
		}}
	c.Flags().StringVar(&since, "since", "", "leave out what was recorded before this day (UTC)")
	c.Flags().StringVar(&credential, "credential", "", "of this credential only")
	c.Flags().StringVar(&file, "file", "", "the file to be written (0600); it must not exist")
	return c
}

func (a *app) export(ctx ctxt, s *shop, since time.Time, credential, file string) error {
	if err := s.everKnew(ctx, credential); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := s.exported(ctx, &b, since, credential); err != nil {
		return err
	}
	if file == "" {
		_, err := a.w.out.Write(b.Bytes())
		return err
	}
	if err := writeNew(file, b.Bytes()); err != nil {
		return err
	}
	lines := bytes.Count(b.Bytes(), []byte("\n"))
	return a.p.give(answer{json: map[string]any{"file": file, "lines": lines}, next: "quarterturn audit verify --file " + file,
		text: func(p *printer) { p.mark("ok", "%s holds the trail in %d lines", file, lines) }})
}

// everKnew accepts a credential that is configured, and one that left the configuration and of which the ledger holds
// something: its trail is not over with it.
func (s *shop) everKnew(ctx ctxt, name string) error {
	if name == "" || s.configured(name).Name != "" {
		return nil
	}
	events, err := s.ledger.Events(ctx, ledger.CredentialChain(name))
	rotations, rerr := s.ledger.Rotations(ctx, name)
	if err = errors.Join(err, rerr); err != nil || len(events)+len(rotations) > 0 {
		return err
	}
	return s.knows([]string{name})
}

// exported writes everything. The last line has the digest of all lines before it, so that a missing end is noticed.
func (s *shop) exported(ctx ctxt, b *bytes.Buffer, since time.Time, credential string) error {
	enc := json.NewEncoder(b)
	first := exportLine{Type: "export", Version: 1, Credential: credential}
	if !since.IsZero() {
		first.Since = &since
	}
	err := enc.Encode(first)
	chains, cerr := s.exportChains(ctx, credential)
	if err = errors.Join(err, cerr); err != nil {
		return err
	}
	var heads []exportLine
	for _, id := range chains {
		events, err := s.ledger.Events(ctx, id)
		if err != nil {
			return err
		}
		heads = append(heads, exportChain(enc, events, since)...)
	}
	for _, h := range heads {
		_ = enc.Encode(h) // a buffer takes everything
	}
	if err := s.exportInventory(ctx, enc, credential); err != nil {
		return err
	}
	sum := sha256.Sum256(b.Bytes())
	return enc.Encode(exportLine{Type: "end", Digest: hex.EncodeToString(sum[:])})
}

// exportChains are the chains of one credential, or all.
func (s *shop) exportChains(ctx ctxt, credential string) ([]rotator.ID, error) {
	if credential == "" {
		return s.ledger.Chains(ctx)
	}
	ids := []rotator.ID{ledger.CredentialChain(credential)}
	rotations, err := s.ledger.Rotations(ctx, credential)
	for _, r := range rotations {
		ids = append(ids, r.ID)
	}
	return ids, err
}

// exportChain writes a chain's events and returns its head, none for an empty chain. Hashes bind order and not time, so
// everything from the first recent event on belongs to it.
func exportChain(enc *json.Encoder, events []rotator.Event, since time.Time) []exportLine {
	begun := false
	for _, e := range events {
		if begun = begun || !e.At.Before(since); begun {
			at := e.At
			_ = enc.Encode(exportLine{Type: "event", Chain: string(e.Rotation), Seq: e.Seq, At: &at, Kind: e.Kind, Who: e.Who,
				From: string(e.From), To: string(e.To), Text: e.Text, Data: e.Data, Prev: e.Prev, Hash: e.Hash})
		}
	}
	if len(events) == 0 {
		return nil
	}
	last := events[len(events)-1]
	return []exportLine{{Type: "head", Chain: string(last.Rotation), Seq: last.Seq, Hash: last.Hash}}
}

func (s *shop) exportInventory(ctx ctxt, enc *json.Encoder, credential string) error {
	owners := []string{credential}
	if credential == "" {
		items, err := s.ledger.Inventory(ctx)
		if err != nil {
			return err
		}
		owners = nil
		for _, i := range items {
			owners = append(owners, i.Credential)
		}
		for _, c := range s.cfg.Credentials {
			owners = append(owners, c.Name)
		}
	}
	seen := map[string]bool{}
	for _, name := range owners {
		if seen[name] {
			continue
		}
		seen[name] = true
		if err := s.exportCredential(ctx, enc, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) exportCredential(ctx ctxt, enc *json.Encoder, name string) error {
	pairs, err := s.ledger.Pairs(ctx, name)
	rotations, rerr := s.ledger.Rotations(ctx, name)
	for _, p := range pairs {
		_ = enc.Encode(exportLine{Type: "pair", Credential: name, ID: string(p.ID), State: string(p.Life), Last4: p.Fragment, Digest: p.Digest})
	}
	for _, r := range rotations {
		_ = enc.Encode(exportLine{Type: "rotation", Credential: name, ID: string(r.ID), Kind: string(r.Lane), State: string(r.State),
			Old: string(r.Old), New: string(r.New)})
	}
	return errors.Join(err, rerr)
}

// writeNew writes a file of mode 0600 whole, or not at all; one that is there stays as it is.
func writeNew(file string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".part-*")
	if err != nil {
		return usage("nothing can be written beside %s; nothing was changed", file)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%s could not be written whole; nothing was left behind", file)
	}
	err = os.Link(f.Name(), file)
	switch {
	case errors.Is(err, fs.ErrExist):
		return usage("%s is there already; nothing was written", file)
	case err != nil:
		return usage("%s cannot be written; nothing was left behind", file)
	}
	return nil
}
