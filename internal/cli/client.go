package cli

import (
	"context"

	"github.com/lading-dev/lading/client"
)

// extended is the registry as one with the discovery extension.
func (c *conn) extended() (discovery, error) {
	return client.New(c.url(), client.Options{
		Transport: c.transport,
		UserAgent: userAgent,
		Credentials: func(ctx context.Context, host string) (client.Credential, error) {
			cr, err := c.client.Credential(ctx, host)
			return client.Credential{Username: cr.Username, Password: cr.Password, IdentityToken: cr.RefreshToken, RegistryToken: cr.AccessToken}, err
		},
	})
}

const userAgent = "lading"
