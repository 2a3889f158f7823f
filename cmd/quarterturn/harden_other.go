//go:build !linux

package main

// harden has nothing to do here: see docs/security.md.
func harden() {}
