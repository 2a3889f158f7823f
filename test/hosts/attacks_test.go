package hosts

import (
	"fmt"
	"net/http"
	"strings"
)

func attacks(f *field) []attack {
	var all []attack
	for _, group := range []func(*field) []attack{redirects, headers, certificates, spellings, rebinding} {
		all = append(all, group(f)...)
	}
	return all
}

const good = "https://" + listed + ":%s"

// redirects: each way to be sent elsewhere, to each elsewhere that listens.
func redirects(f *field) []attack {
	port := func(name string) string { return f.evil[name].port() }
	targets := map[string]string{
		"the same host": "/elsewhere", "the same host, in full": "https://" + listed + ":" + f.good.port() + "/elsewhere",
		"another host": "https://evil.example:" + port("tls") + "/", "another address": "https://" + f.evil["tls"].addr + "/",
		"another host, without a scheme": "//evil.example:" + port("tls") + "/", "another port": "https://" + listed + ":" + port("port") + "/",
		"plain http": "http://" + listed + ":" + port("clear") + "/", "plain http, this machine": "http://127.0.0.1:" + port("clear") + "/",
		"plain http, localhost": "http://localhost:" + port("clear") + "/", "plain http, another host": "http://evil.example:" + port("plain") + "/",
		"with a user": "https://vendor.example@evil.example:" + port("tls") + "/", "with a user and the port": "https://vendor.example:443@evil.example:" + port("tls") + "/",
		"a backslash": `https://evil.example:` + port("tls") + `\@vendor.example/`, "a host below": "https://a." + listed + ":" + port("tls") + "/",
		"the same host, with a dot": "https://" + listed + ".:" + port("port") + "/", "the same host, in capitals": "https://VENDOR.EXAMPLE:" + port("port") + "/",
		"a number for an address": "http://2130706433:" + port("clear") + "/", "an address in IPv6": "http://[::ffff:127.0.0.1]:" + port("clear") + "/",
		"a file": "file:///etc/passwd", "a script": "javascript:alert(1)", "gopher": "gopher://" + f.evil["plain"].addr + "/", "nothing": "", "rubbish": "http://%zz",
	}
	var all []attack
	for _, name := range sorted(targets) {
		for _, status := range []int{301, 302, 303, 307, 308} {
			all = append(all, attack{group: "redirects", name: fmt.Sprintf("%d to %s", status, name), base: good, mayReach: true,
				answer: func(w http.ResponseWriter, _ *http.Request) {
					w.Header()["Location"] = []string{targets[name]}
					w.WriteHeader(status)
				}})
		}
	}
	return all
}

// headers: what else an answer may say about where to go, and what the next call must not do for it.
func headers(f *field) []attack {
	elsewhere := "https://evil.example:" + f.evil["tls"].port() + "/"
	var all []attack
	for _, h := range []struct {
		name, value string
		status      int
	}{
		{"Alt-Svc", `h2="evil.example:` + f.evil["tls"].port() + `"; ma=86400`, 200}, {"Alt-Svc", `h2=":` + f.evil["port"].port() + `"; ma=86400`, 200},
		{"Refresh", "0; url=" + elsewhere, 200}, {"Location", elsewhere, 200}, {"Location", elsewhere, 201}, {"Content-Location", elsewhere, 200},
		{"Link", "<" + elsewhere + ">; rel=preload", 200}, {"Location", elsewhere, 401}, {"WWW-Authenticate", "Negotiate", 401},
		{"WWW-Authenticate", `Basic realm="evil.example"`, 401}, {"Proxy-Authenticate", "Basic", 407}, {"Location", elsewhere, 421}, {"Location", elsewhere, 503},
		{"Location", elsewhere, 300}, {"Location", elsewhere, 304}, {"Location", elsewhere, 305}, {"Location", elsewhere, 306}, {"Location", elsewhere, 399},
		{"Strict-Transport-Security", "max-age=1; includeSubDomains", 200}, {"Set-Cookie", "a=b; Domain=example", 200},
	} {
		all = append(all, attack{group: "headers", name: fmt.Sprintf("%d with %s: %s", h.status, h.name, h.value), base: good, mayReach: true, calls: 2,
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(h.name, h.value)
				w.WriteHeader(h.status)
			}})
	}
	return all
}

func certificates(f *field) []attack {
	var all []attack
	for _, s := range badServers(f.t, f.ca) {
		all = append(all, attack{group: "certificates", name: s.name, base: good, server: s.config, plain: s.config == nil})
	}
	return all
}

// spellings of the listed host: what a person may have written, or been made to write.
func spellings(*field) []attack {
	var all []attack
	for _, host := range []string{"2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "0",
		"vendor.example.evil.example", "vend\u043er.example", "xn--vendr-p5d.example", "vendor%2eexample", "vendor.example%00.evil.example",
		"vendor.example@evil.example", "vendor.example:443@evil.example", "user:pass@vendor.example", `evil.example\@vendor.example`,
		"vendor .example", "vendor.example\t", "localhost.", "localhost.evil.example", "127.0.0.1.evil.example"} {
		all = append(all, attack{group: "spellings", name: "https://" + host, base: "https://" + host + ":%s"})
	}
	for _, host := range []string{"vendor.example", "VENDOR.EXAMPLE", "evil.example", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "0.0.0.0", "[::]", "localhost.",
		"localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "evil.example#127.0.0.1", "localhost@evil.example"} {
		all = append(all, attack{group: "spellings", name: "http://" + host, base: "http://" + host + ":%s", plain: true})
	}
	for _, scheme := range []string{"file", "ftp", "ws", "wss", "gopher", "unix", "HTTP", "https+http", ""} {
		all = append(all, attack{group: "spellings", name: scheme + "://vendor.example", base: scheme + "://vendor.example:%s", plain: true})
	}
	for _, host := range []string{"VENDOR.EXAMPLE", "Vendor.Example"} {
		all = append(all, attack{group: "spellings", name: "https://" + host, base: "https://" + host + ":%s", mayReach: true})
	}
	for host, dials := range map[string]string{"[::ffff:7f00:1]": "", "[::ffff:127.0.0.1%25lo]": "127.0.0.1%lo:%s", "[::1%25lo]": "[::1%lo]:%s",
		"vendor\uff0eexample": "", "vendor.example#@evil.example": "127.0.0.1:443", "vendor.example?@evil.example": "127.0.0.1:443"} {
		all = append(all, attack{group: "spellings", name: "https://" + host, base: "https://" + host + ":%s", same: true, dials: []string{dials}})
	}
	for i := range all { // whatever a name is made into, it leads somewhere that listens
		all[i].leads = usual()
		for _, name := range []string{"2130706433.", "0x7f000001.", "0x7f.1.", "0177.0.0.1.", "127.1.", "127.0.1.", "0.", "vendor.example.evil.example.", "localhost.evil.example.",
			"127.0.0.1.evil.example.", "xn--vendr-p5d.example."} {
			all[i].leads[name] = []string{listedIP}
		}
	}
	return all
}

// rebinding: the name is as listed, and leads elsewhere the next time, or at once. It is asked about once a call, and what
// stands there has no certificate for it.
func rebinding(f *field) []attack {
	var all []attack
	for name, to := range map[string]string{"the name leads elsewhere at once": f.evil["tls"].addr, "the name leads to the clear": f.evil["plain"].addr} {
		host, port, _ := strings.Cut(to, ":")
		all = append(all, attack{group: "rebinding", name: name, base: "https://" + listed + ":" + port, leads: map[string][]string{listed + ".": {host}}})
	}
	for calls := 1; calls <= 3; calls++ {
		leads := append(repeat(listedIP, calls), "127.0.0.77")
		all = append(all, attack{group: "rebinding", name: fmt.Sprintf("the name leads elsewhere after %d calls", calls), base: good, calls: calls, mayReach: true,
			leads: map[string][]string{listed + ".": leads}})
	}
	return all
}

func repeat(s string, n int) []string {
	var all []string
	for range n {
		all = append(all, s)
	}
	return all
}
