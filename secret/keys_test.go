package secret_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"quarterturn/secret"
	"quarterturn/secret/secrettest"
)

// The expected figures were computed by another implementation (Python's hmac), the first also with
//
//	printf '3:key,2:AK,6:secret,10:s3cr3t,:é,' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1f
const (
	knownLine    = "qtf-00c0ffee:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	knownWhole   = "d0c8c083bbfa2d8562b2db35e05e9a6334266f456850aa87faf763a67f86ad55"
	knownKey     = "8d961e9be1571c7ead67413abca5147d855590d9924262eb41c7bf6309e9e5b0"
	knownSecret  = "f862a05f1c806ea582f2045c771ff05389f7e075c38984cd2056baff15f8be0c"
	knownDerived = "7b30848b35c89f2abcda67ad0ca8bd4fa3c3a362138f73f3451d1ed0f9ce7e7e"
	knownReport  = "b9085e36a71244b3d0f7fa5c737b24f2e775ff0a2ebbb333f79bc346b61f91dc"
)

func parseKeys(t *testing.T, text ...string) secret.Keys {
	t.Helper()
	keys, err := secret.ParseKeys(strings.NewReader(strings.Join(text, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestKnownPrints(t *testing.T) {
	keys, m := parseKeys(t, knownLine), material("secret", "s3cr3t,:é", "key", "AK")
	want := secret.Prints{"@qtf-00c0ffee": knownWhole, "key@qtf-00c0ffee": knownKey, "secret@qtf-00c0ffee": knownSecret}
	if got := keys.Prints(m); !maps.Equal(got, want) {
		t.Errorf("prints %v", got)
	}
	if got := keys.Derive("trading-api").Reveal(); got != "qtf-00c0ffee/trading-api:"+knownDerived {
		t.Errorf("derived key %s", got)
	}
	if got, err := secret.Report(keys.Derive("trading-api"), m); got != "qtf-00c0ffee/trading-api:"+knownReport {
		t.Errorf("report %s, %v", got, err)
	}
	reports := secret.Prints{"@qtf-00c0ffee/trading-api": knownReport}
	if got := keys.Reports(m, "trading-api"); !maps.Equal(got, reports) {
		t.Errorf("reports %v", got)
	}
}

func TestNewKey(t *testing.T) {
	line := secret.NewKey()
	if !regexp.MustCompile(`^qtf-[0-9a-f]{8}:[0-9a-f]{64}$`).MatchString(line) {
		t.Error("a fresh key has another shape")
	}
	if line == secret.NewKey() {
		t.Error("two fresh keys are the same")
	}
	parseKeys(t, line)
}

func TestParseKeysReadsAFile(t *testing.T) {
	first, second := secret.NewKey(), secret.NewKey()
	keys := parseKeys(t, "# made for tests", "", "  "+first+"\r", "\t", second, "# end")
	m := material("key", "AK")
	want := parseKeys(t, first).Prints(m).Merge(parseKeys(t, second).Prints(m))
	if got := keys.Prints(m); len(got) != 4 || !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !keys.Derive("app").Equal(parseKeys(t, first).Derive("app")) {
		t.Error("consumers' keys do not come from the first key")
	}
}

func TestParseKeysRefuses(t *testing.T) {
	good := secret.NewKey()
	id, digits, _ := strings.Cut(good, ":")
	for name, tc := range map[string]struct{ text, says string }{
		"nothing":         {"", "holds none"},
		"comments":        {"# " + good + "\n\n", "holds none"},
		"no id":           {digits, "line 1"},
		"other id":        {"key1:" + digits, "line 1"},
		"upper-case id":   {strings.ToUpper(id) + ":" + digits, "line 1"},
		"short":           {good[:len(good)-2], "line 1"},
		"long":            {good + "00", "line 1"},
		"odd":             {good + "0", "line 1"},
		"not hex":         {good[:len(good)-1] + "g", "line 1"},
		"comment behind":  {good + " # mine", "line 1"},
		"consumer's key":  {id + "/app:" + digits, "line 1"},
		"bad second":      {"# one\n" + good + "\n\nqtf-" + digits + "\n", "line 4"},
		"id twice":        {good + "\n" + id + ":" + strings.Repeat("ab", 32), "line 2"},
		"very long line":  {good + "\n" + strings.Repeat(digits, 2000), "to its end"},
		"identity":        {"AGE-SECRET-KEY-1" + strings.ToUpper(digits), "line 1"},
		"id without text": {id + ":", "line 1"},
	} {
		keys, err := secret.ParseKeys(strings.NewReader(tc.text))
		if !errors.Is(err, secret.ErrKey) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(keys.Prints(material("key", "AK"))) != 0 {
			t.Errorf("%s: a refused file gives keys", name)
		}
		if found := secrettest.Find([]byte(err.Error()), digits, digits[2:]); found != nil {
			t.Errorf("%s: the error quotes its input: %v", name, found)
		}
	}
	if _, err := secret.ParseKeys(iotest.ErrReader(errors.New(digits))); err == nil || strings.Contains(err.Error(), digits) {
		t.Errorf("a broken reader: %v", err)
	}
}

func TestLoadKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fingerprint.key")
	if _, err := secret.LoadKeys(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	line := secret.NewKey()
	if err := secret.CreateFile(path, secret.New(line+"\n")); err != nil {
		t.Fatal(err)
	}
	m := material("key", "AK")
	keys, err := secret.LoadKeys(path)
	if err != nil || !maps.Equal(keys.Prints(m), parseKeys(t, line).Prints(m)) {
		t.Errorf("loaded other keys, or: %v", err)
	}
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.LoadKeys(path); !errors.Is(err, secret.ErrKey) || !strings.Contains(err.Error(), path+": line 1") {
		t.Errorf("broken: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.LoadKeys(path); !errors.Is(err, secret.ErrFile) {
		t.Errorf("open to all: %v", err)
	}
}

func TestZeroKeys(t *testing.T) {
	var keys secret.Keys
	m := material("key", "AK")
	if len(keys.Prints(m)) != 0 || len(keys.Reports(m, "app")) != 0 || !keys.Derive("app").Empty() {
		t.Error("no keys make prints")
	}
}

// TestReportRoundTrip: what a consumer computes with its derived key alone is what the holder of the keys expects.
func TestReportRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys, _ := drawKeys(t, "keys")
		m := materials(t)
		consumer := rapid.StringMatching(`[a-z][a-z0-9:@/. -]{0,8}[a-z]`).Draw(t, "consumer")
		report, err := secret.Report(keys.Derive(consumer), m)
		if err != nil {
			t.Fatal(err)
		}
		shown := rapid.SampledFrom([]string{report, " " + report + "\n"}).Draw(t, "shown")
		got, err := secret.ParseReport(shown)
		if err != nil {
			t.Fatal(err)
		}
		known := keys.Prints(m).Merge(keys.Reports(m, consumer))
		if known.Compare(got) != secret.Equal {
			t.Fatalf("%v is not among %v", got, known)
		}
		if keys.Reports(changedOne(m), consumer).Compare(got) != secret.Different {
			t.Fatal("another material has the same report")
		}
		if keys.Reports(m, consumer+"x").Compare(got) != secret.Incomparable {
			t.Fatal("another consumer's report is taken for this one's")
		}
	})
}

func changedOne(m secret.Material) secret.Material {
	n := maps.Clone(m)
	field := m.Fields()[0]
	n[field] = secret.New(m[field].Reveal() + "'")
	return n
}

// TestDerivedKeysStandApart: a consumer's key is neither the service's nor another consumer's.
func TestDerivedKeysStandApart(t *testing.T) {
	line := secret.NewKey()
	keys := parseKeys(t, line)
	seen := map[string]string{}
	for _, text := range []string{line, keys.Derive("a").Reveal(), keys.Derive("b").Reveal(), keys.Derive("a/b").Reveal()} {
		id, digits := text[:strings.LastIndex(text, ":")], text[strings.LastIndex(text, ":")+1:]
		if other, taken := seen[digits]; taken {
			t.Errorf("%s and %s have the same key", id, other)
		}
		seen[digits] = id
	}
}

func TestReportRefuses(t *testing.T) {
	line := secret.NewKey()
	id, digits, _ := strings.Cut(line, ":")
	for name, derived := range map[string]secret.Value{
		"nothing":          {},
		"the service's":    secret.New(line),
		"without consumer": secret.New(id + "/:" + digits),
		"short":            secret.New(id + "/app:" + digits[2:]),
		"only digits":      secret.New(digits),
	} {
		report, err := secret.Report(derived, material("key", "AK"))
		if report != "" || !errors.Is(err, secret.ErrKey) {
			t.Errorf("%s: %q, %v", name, report, err)
		} else if found := secrettest.Find([]byte(err.Error()), digits); found != nil {
			t.Errorf("%s: the error quotes its input: %v", name, found)
		}
	}
}

func TestParseReport(t *testing.T) {
	mac := strings.Repeat("0a", 32)
	want := secret.Prints{"@qtf-00c0ffee/app": mac}
	for _, text := range []string{"qtf-00c0ffee/app:" + mac, "qtf-00c0ffee/app:" + strings.ToUpper(mac), "\tqtf-00c0ffee/app:" + mac + "\n"} {
		if got, err := secret.ParseReport(text); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	canary := secrettest.Canary(32)
	for _, text := range []string{
		"", canary, mac, "app:" + mac, "qtf-00c0ffee:" + mac, "qtf-00c0ffee/:" + mac, "qtf-00c0ffe/app:" + mac,
		"qtf-00c0ffee/app:" + mac[2:], "qtf-00c0ffee/app:" + mac + "00", "qtf-00c0ffee/" + canary + ":" + canary,
	} {
		got, err := secret.ParseReport(text)
		if got != nil || !errors.Is(err, secret.ErrKey) {
			t.Errorf("%q: %v, %v", text, got, err)
		} else if found := secrettest.Find([]byte(err.Error()), canary, mac); found != nil {
			t.Errorf("the error quotes its input: %v", found)
		}
	}
}
