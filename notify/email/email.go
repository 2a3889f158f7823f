// Package email sends messages as plain text mail. Each recipient gets a mail of their own, so that an address which is
// gone stops nobody else's; all of one message carry the same Message-ID, also when it is sent again.
//
// Rights it needs: to hand in mail from the configured sender.
package email

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"quarterturn/internal/httpx"
	"quarterturn/notify"
	"quarterturn/secret"
)

const patience = 15 * time.Second // for the way to the server, and for each mail

// Notifier hands mail to one server. Safe for concurrent use.
type Notifier struct {
	config Config
	conn   Connection
}

var _ notify.Notifier = (*Notifier)(nil)

// New builds a notifier. The files are read for each message, so that a lost one stops messages and no rotation.
func New(c Config, conn Connection) (*Notifier, error) {
	if err := errors.Join(c.Validate(), conn.Validate()); err != nil {
		return nil, fmt.Errorf("email: %w", err)
	}
	return &Notifier{config: c, conn: conn}, nil
}

// Send implements notify.Notifier. It is an error when one recipient's mail did not go, and the others have theirs then;
// it wraps notify.ErrRefused when the server answered 5xx to all that did not go, to the login, or nobody is to be told.
func (n *Notifier) Send(ctx context.Context, m notify.Message) error {
	to := n.recipients(m)
	if len(to) == 0 {
		return fmt.Errorf("nobody is to be told by mail: %w: name people or to in the configuration", notify.ErrRefused)
	}
	way := &line{conn: n.conn}
	client, err := n.client(way)
	if err != nil {
		return err
	}
	defer way.close()
	defer context.AfterFunc(ctx, way.close)()
	if err := client.DialWithContext(ctx); err != nil {
		return n.reason(ctx, err, "the mail server gave no session")
	}
	err = n.each(ctx, client, m, to)
	_ = client.Close()
	if err == nil && n.unusable(m) > 0 {
		err = fmt.Errorf("%d of the people to be told have no usable mail address, the others have their mail: %w: mend people in "+
			"the configuration", n.unusable(m), notify.ErrRefused)
	}
	return err
}

// unusable counts recipients that are no whole address: nobody would ever hear that they were not told.
func (n *Notifier) unusable(m notify.Message) (count int) {
	for _, a := range slices.Concat(m.To, n.config.To) {
		if !plain(a) {
			count++
		}
	}
	return count
}

// each sends to one after the other. An error to try again after weighs more than a refusal.
func (n *Notifier) each(ctx context.Context, client *mail.Client, m notify.Message, to []string) error {
	var worst error
	failed := 0
	for _, address := range to {
		err := n.one(client, m, address)
		if err == nil {
			continue
		}
		failed++
		if worst == nil || refused(worst) {
			worst = err
		}
	}
	if worst == nil {
		return nil
	}
	return n.reason(ctx, worst, fmt.Sprintf("%d of %d mails did not go", failed, len(to)))
}

func (n *Notifier) one(client *mail.Client, m notify.Message, to string) error {
	one, err := n.mail(m, to)
	if err != nil {
		return err
	}
	if err := client.Send(one); err != nil && !one.IsDelivered() { // after delivery only the goodbye can fail
		return err
	}
	return nil
}

// recipients are whom the message concerns and those of the channel, once each, whole addresses only.
func (n *Notifier) recipients(m notify.Message) []string {
	var all []string
	for _, a := range slices.Concat(m.To, n.config.To) {
		if plain(a) && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

func (n *Notifier) mail(m notify.Message, to string) (*mail.Msg, error) {
	subject, body := notify.Text(m)
	one := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(one.From(n.config.From), one.To(to)); err != nil {
		return nil, fmt.Errorf("an address cannot be used: %w", notify.ErrRefused)
	}
	one.Subject(subject)
	one.SetDateWithValue(m.At.UTC())
	one.SetMessageIDWithValue(messageID(m.ID, n.config.From))
	one.SetGenHeader("Auto-Submitted", "auto-generated")
	one.SetBodyString(mail.TypeTextPlain, body)
	return one, nil
}

// messageID is the same for the same message: its id where that has the form of one, else a digest.
func messageID(id, from string) string {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`).MatchString(id) {
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:16])
	}
	return id + from[strings.LastIndexByte(from, '@'):]
}

func (n *Notifier) client(way *line) (*mail.Client, error) {
	opts := []mail.Option{mail.WithPort(n.conn.Port), mail.WithTimeout(patience), mail.WithDialContextFunc(way.dial),
		mail.WithTLSPolicy(mail.TLSMandatory), mail.WithoutNoop()}
	config, err := tlsConfig(n.conn)
	if err != nil {
		return nil, err
	}
	way.tls = config
	opts = append(opts, mail.WithTLSConfig(config))
	kind := mail.SMTPAuthAutoDiscover
	if n.conn.TLS == "implicit" || n.conn.TLS == "none" {
		opts, kind = append(opts, mail.WithTLSPolicy(mail.NoTLS)), mail.SMTPAuthPlain
	}
	if n.conn.User != "" {
		password, err := secret.ReadFile(n.conn.PasswordFile)
		if err != nil {
			return nil, errors.New("the mail server's password_file cannot be used; nothing was sent: it must hold the password " +
				"alone, with mode 0600")
		}
		opts = append(opts, mail.WithSMTPAuth(kind), mail.WithUsername(n.conn.User), mail.WithPassword(password.Reveal()))
	}
	client, err := mail.NewClient(n.conn.Host, opts...)
	if err != nil {
		return nil, errors.New("the mail server's settings cannot be used; nothing was sent: check the smtp connection")
	}
	return client, nil
}

func tlsConfig(c Connection) (*tls.Config, error) {
	config := &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12, VerifyConnection: httpx.CheckPeer}
	if c.CAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	config.RootCAs = x509.NewCertPool()
	if err != nil || !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("the mail server's ca_file holds no certificate or cannot be read; nothing was sent: it must be PEM")
	}
	return config, nil
}

// reason says why without a word of the server, whose texts hold addresses.
func (n *Notifier) reason(ctx context.Context, err error, what string) error {
	code := answer(err)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case refused(err):
		return fmt.Errorf("%s: refused by the mail server (%d): %w: check the addresses and the smtp connection", what, code, notify.ErrRefused)
	case code >= 400:
		return fmt.Errorf("%s: the mail server answered %d: it is tried again", what, code)
	case n.conn.TLS == "" || n.conn.TLS == "starttls":
		return fmt.Errorf("%s: no connection, or no STARTTLS with a trusted certificate, without which nothing is sent: it is tried again", what)
	}
	return fmt.Errorf("%s: no connection, or no trusted certificate: it is tried again", what)
}

// answer is the code that the server gave, 0 when it gave none.
func answer(err error) int {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code
	}
	if sent, ok := errors.AsType[*mail.SendError](err); ok {
		return sent.ErrorCode()
	}
	return 0
}

func refused(err error) bool { return answer(err) >= 500 || errors.Is(err, notify.ErrRefused) }

// line is the connection under a session: the library gives it back only after a session began well.
type line struct {
	conn Connection
	tls  *tls.Config
	open closer
}

func (l *line) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	address := net.JoinHostPort(strings.Trim(l.conn.Host, "[]"), strconv.Itoa(l.conn.Port))
	var c net.Conn
	var err error
	if l.conn.TLS == "implicit" {
		c, err = (&tls.Dialer{Config: l.tls}).DialContext(ctx, "tcp", address)
	} else {
		c, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	if err == nil {
		l.open.set(c)
	}
	return c, err
}

func (l *line) close() { l.open.close() }
