package hosts

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  crypto.Signer
}

func ecKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func form(name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature}
}

func root(name string) *x509.Certificate {
	c := form(name)
	c.DNSNames, c.ExtKeyUsage = nil, nil
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	return c
}

func newAuthority(t testing.TB, c *x509.Certificate, by *authority) *authority {
	t.Helper()
	a := &authority{t: t, key: ecKey(t)}
	if by == nil {
		by = &authority{t, c, a.key}
	}
	a.cert = by.sign(c, a.key)
	return a
}

func (a *authority) sign(c *x509.Certificate, key crypto.Signer) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed
}

// issue makes a server's certificate; with are sent along.
func (a *authority) issue(c *x509.Certificate, key crypto.Signer, with ...*authority) tls.Certificate {
	chain := [][]byte{a.sign(c, key).Raw}
	for _, w := range with {
		chain = append(chain, w.cert.Raw)
	}
	return tls.Certificate{Certificate: chain, PrivateKey: key}
}

func (a *authority) file() string {
	name := filepath.Join(a.t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return name
}

// good is a certificate for name and addresses.
func (a *authority) good(name string, ips ...string) tls.Certificate {
	c := form(name)
	for _, ip := range ips {
		c.IPAddresses = append(c.IPAddresses, net.ParseIP(ip))
	}
	return a.issue(c, ecKey(a.t))
}

// badServer is a server that must not be believed.
type badServer struct {
	name   string
	config *tls.Config // nil: it speaks no TLS
}

func serving(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }

// changed is the good form with one thing wrong.
func (a *authority) changed(change func(*x509.Certificate)) *tls.Config {
	c := form(listed)
	change(c)
	return serving(a.issue(c, ecKey(a.t)))
}

// badServers: a is the trusted authority, and each but for one thing would be believed.
func badServers(t testing.TB, a *authority) []badServer {
	other := newAuthority(t, root("another authority"), nil)
	self := newAuthority(t, form(listed), nil)
	middle := newAuthority(t, root("in between"), a)
	over := root("in between, over")
	over.NotAfter = time.Now().Add(-time.Minute)
	late := newAuthority(t, over, a)
	narrow := root("for another domain")
	narrow.PermittedDNSDomains, narrow.PermittedDNSDomainsCritical = []string{"other.example"}, true
	elsewhere := newAuthority(t, narrow, a)
	leaf := newAuthority(t, form("leaf.example"), a)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	dated := func(from, to time.Duration) *tls.Config {
		return a.changed(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) })
	}
	named := func(names ...string) *tls.Config { return a.changed(func(c *x509.Certificate) { c.DNSNames = names }) }
	old := func(version uint16) *tls.Config {
		c := serving(a.good(listed))
		c.MinVersion, c.MaxVersion = version, version
		return c
	}
	return []badServer{
		{"expired", dated(-2*time.Hour, -time.Minute)},
		{"expired a second ago", dated(-2*time.Hour, -time.Second)},
		{"not yet valid", dated(time.Hour, 2*time.Hour)},
		{"signed by itself", serving(tls.Certificate{Certificate: [][]byte{self.cert.Raw}, PrivateKey: self.key})},
		{"of another authority", serving(other.good(listed))},
		{"of another authority with the same name", serving(newAuthority(t, root("the authority"), nil).good(listed))},
		{"for another host", named("evil.example")},
		{"for a host below", named("a." + listed)},
		{"for a host above", named("example")},
		{"for hosts below", named("*." + listed)},
		{"for hosts beside, two levels", named("*.*.example")},
		{"for a prefix", named("vendor.exampl")},
		{"for a suffix", named(listed + ".evil.example")},
		{"for another spelling", named("vend0r.example")},
		{"for the address only", a.changed(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, []net.IP{net.ParseIP(listedIP)} })},
		{"with its name as the common name only", named()},
		{"for clients", a.changed(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })},
		{"for signing code", a.changed(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} })},
		{"without the one in between", serving(middle.good(listed))},
		{"of one in between that expired", serving(late.issue(form(listed), ecKey(t), late))},
		{"of one in between for another domain", serving(elsewhere.issue(form(listed), ecKey(t), elsewhere))},
		{"signed by a leaf", serving(leaf.issue(form(listed), ecKey(t), leaf))},
		{"with a key of 1024 bits", serving(a.issue(form(listed), weak))},
		{"TLS 1.0", old(tls.VersionTLS10)},
		{"TLS 1.1", old(tls.VersionTLS11)},
		{"no TLS at all", nil},
	}
}
