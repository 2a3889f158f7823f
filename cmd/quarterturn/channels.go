package main

import (
	"fmt"
	"path/filepath"

	"quarterturn/internal/config"
	"quarterturn/notify"
	"quarterturn/notify/email"
	"quarterturn/notify/log"
	"quarterturn/notify/slack"
	"quarterturn/notify/webhook"
	"quarterturn/rotator"
)

const logSchema = `{"type": "object", "additionalProperties": false, "description": "One JSON object a line on standard error."}`

// Logins that places and channels share, by kind.
func connectionKinds() map[string]connectionKind {
	return map[string]connectionKind{"smtp": {schema: email.ConnectionSchema()}}
}

func channelKinds() map[string]channelKind {
	return map[string]channelKind{
		"log":     {schema: []byte(logSchema), build: buildLog},
		"webhook": {schema: webhook.Schema(), build: buildWebhook},
		"slack":   {schema: slack.Schema(), build: buildSlack},
		"email":   {schema: email.Schema(), on: "smtp", build: buildEmail},
	}
}

// tellers builds the channels of the configuration, by name.
func (s *shop) tellers(w world) (map[string]rotator.Channel, error) {
	client, err := proofClient()
	if err != nil {
		return nil, err
	}
	o := outside{dir: s.cfg.Dir, keys: s.keys, now: w.now, client: client, log: w.err}
	all := map[string]rotator.Channel{}
	for _, c := range s.cfg.Channels {
		to, err := channelKinds()[c.Kind].build(o, c)
		if err != nil {
			return nil, &failure{code: exitUsage, err: fmt.Errorf("notify %s: %w", c.Name, err)}
		}
		one := rotator.Channel{To: to}
		for _, kind := range c.Only {
			one.Only = append(one.Only, notify.Kind(kind))
		}
		all[c.Name] = one
	}
	return all, nil
}

// at is where a path of the configuration leads; "" stays "".
func (o outside) at(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(o.dir, path)
}

func buildLog(o outside, _ config.Channel) (notify.Notifier, error) { return log.New(o.log), nil }

func buildWebhook(o outside, c config.Channel) (notify.Notifier, error) {
	var conf webhook.Config
	if err := c.Settings.Decode(&conf); err != nil {
		return nil, err
	}
	conf.KeyFile = o.at(conf.KeyFile)
	return webhook.New(conf, webhook.Options{Client: o.client, Now: o.now})
}

func buildSlack(o outside, c config.Channel) (notify.Notifier, error) {
	var conf slack.Config
	if err := c.Settings.Decode(&conf); err != nil {
		return nil, err
	}
	conf.WebhookFile = o.at(conf.WebhookFile)
	return slack.New(conf, slack.Options{Client: o.client, Now: o.now})
}

func buildEmail(o outside, c config.Channel) (notify.Notifier, error) {
	var conf email.Config
	var conn email.Connection
	if err := c.Settings.Decode(&conf); err != nil {
		return nil, err
	}
	if err := c.Connection.Settings.Decode(&conn); err != nil {
		return nil, err
	}
	conn.PasswordFile, conn.CAFile = o.at(conn.PasswordFile), o.at(conn.CAFile)
	return email.New(conf, conn)
}
