package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
)

// gadget has rules for its config and its layers, and layers and children that
// are kept elsewhere.
const gadget = `{"name": "gadget", "match": [{"artifactType": "application/vnd.gadget"}], "show": {"title": "/name"},
	"configSchema": {"type": "object", "required": ["name"]}, "layers": [{"mediaType": "application/vnd.gadget.part", "min": 1, "max": 1}],
	"remote": ["application/vnd.gadget.far.*"]}`

const (
	missing  = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	emptyDig = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	noneDig  = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// putGadget puts a manifest with a config and layers of the media types, which
// all have the digest.
func putGadget(ctx context.Context, r *Registry, artifactType, config, digest string, layers ...string) (lading.Receipt, error) {
	var ls []string
	for _, l := range layers {
		ls = append(ls, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":2}`, l, digest))
	}
	raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":%q,"config":{"mediaType":"application/json","digest":%q,"size":2},"layers":[%s]}`,
		artifactType, config, strings.Join(ls, ","))
	return r.PutManifest(ctx, "acme/web", lading.Manifest{Bytes: []byte(raw)}, lading.PutOptions{})
}

// withPolicy has gadgets and widgets under a policy.
func withPolicy(t *testing.T, r *Registry, policy string) {
	t.Helper()
	set := setOf(t, gadget, widget)
	p, err := arttype.ParsePolicy([]byte(policy), set)
	if err != nil {
		t.Fatal(err)
	}
	r.opt.Types = &someTypes{set: set, policy: p}
}

func TestTypeRefused(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		for _, test := range []struct {
			policy, artifactType, says, allowed string
		}{
			{`{"scope":{},"allow":["widget"]}`, "application/vnd.gadget",
				"this is an artifact of type gadget (artifactType application/vnd.gadget), and acme/web does not take it: it takes widget; push it to another repository", "[widget]"},
			{`{"scope":{},"deny":["gadget"]}`, "application/vnd.gadget", "it takes widget, unknown", "[widget unknown]"},
			{`{"scope":{},"unknown":"deny"}`, "application/vnd.nobodys", "a type that this registry does not know (artifactType application/vnd.nobodys)", "[gadget widget]"},
			{`{"scope":{},"deny":["gadget","widget"],"unknown":"deny"}`, "application/vnd.gadget", "nothing may be pushed there", "[]"},
		} {
			withPolicy(t, r, test.policy)
			_, err := putGadget(ctx, r, test.artifactType, emptyDig, emptyDig)
			e := lading.AsError(err)
			if !errors.Is(err, lading.ErrTypeRefused) || !strings.Contains(e.Message, test.says) || fmt.Sprint(e.Detail) != test.allowed {
				t.Errorf("%s: %v, %v", test.policy, err, e.Detail)
			}
		}
		if names, err := r.Repositories(ctx, "", 10); err != nil || len(names.Names) != 0 {
			t.Errorf("stored all the same: %v, %v", names, err)
		}
	})
}

// What breaks the rules of its type is taken, taken with a warning, or refused.
func TestValidate(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		const part = "application/vnd.gadget.part"
		good, bad, text := push(t, ctx, r, "acme/web", `{"name":"a"}`), push(t, ctx, r, "acme/web", `{"nam":"a"}`), push(t, ctx, r, "acme/web", `name: a`)
		for _, test := range []struct {
			config string
			layers []string
			says   []string
		}{
			{string(good), []string{part}, nil},
			{string(bad), []string{part}, []string{"config"}},
			{string(good), nil, []string{"/layers"}},
			{string(bad), []string{part, part}, []string{"config", "/layers"}},
			{string(text), []string{part}, []string{"not JSON"}},
			{emptyDig, []string{part}, []string{"config"}}, // which nobody pushed
			{noneDig, []string{part}, []string{"not JSON"}},
		} {
			withPolicy(t, r, `{"scope":{},"validate":"enforce"}`)
			_, err := putGadget(ctx, r, "application/vnd.gadget", test.config, string(good), test.layers...)
			found, _ := lading.AsError(err).Detail.([]arttype.Violation)
			if refused := errors.Is(err, lading.ErrManifestInvalid); refused != (len(test.says) > 0) || err != nil && !refused || len(found) != len(test.says) {
				t.Errorf("enforce %v: %v, %v", test, err, found)
			}
			for i, says := range test.says {
				if i < len(found) && !strings.Contains(found[i].String(), says) {
					t.Errorf("enforce %v: %v", test, found)
				}
			}
			withPolicy(t, r, `{"scope":{}}`)
			receipt, err := putGadget(ctx, r, "application/vnd.gadget", test.config, string(good), test.layers...)
			if err != nil || len(receipt.Warnings) != len(test.says) {
				t.Errorf("warn %v: %v, %v", test, receipt.Warnings, err)
			}
			withPolicy(t, r, `{"scope":{},"validate":"off"}`)
			receipt, err = putGadget(ctx, r, "application/vnd.gadget", test.config, string(good), test.layers...)
			if err != nil || len(receipt.Warnings) != 0 {
				t.Errorf("off %v: %v, %v", test, receipt.Warnings, err)
			}
		}
	})
}

// A policy's sparse wins over the configuration's, and what cannot be checked
// does not pass where it must be.
func TestSparseByPolicy(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		push(t, ctx, r, "acme/web", `{}`)
		for i, test := range []struct {
			configured bool
			policy     string
			want       error
		}{
			{false, `{"scope":{}}`, lading.ErrManifestBlobUnknown},
			{true, `{"scope":{}}`, nil},
			{false, `{"scope":{},"sparse":"allow"}`, nil},
			{true, `{"scope":{},"sparse":"deny"}`, lading.ErrManifestBlobUnknown},
			{false, `{"scope":{},"validate":"enforce"}`, lading.ErrManifestBlobUnknown},
			{false, `{"scope":{},"validate":"enforce","sparse":"allow"}`, lading.ErrManifestInvalid},
		} {
			withPolicy(t, r, test.policy)
			r.opt.Sparse = test.configured
			d := "sha256:" + strings.Repeat(fmt.Sprint(i), 64)
			_, err := putGadget(ctx, r, "application/vnd.gadget", d, d, "application/vnd.gadget.part")
			if test.want == nil && err != nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("configured %v, %s: %v", test.configured, test.policy, err)
			}
		}
	})
}

// remoteOf is how many remote references the item of a manifest tells of.
func remoteOf(t *testing.T, ctx context.Context, r *Registry, d lading.Digest) int64 {
	t.Helper()
	l, err := r.List(ctx, lading.Query{Kind: lading.KindManifests, Scope: lading.Scope{Repository: "acme/web"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range l.Items {
		if it.Descriptor.Digest == d {
			return it.Remote
		}
	}
	t.Errorf("%s is not listed", d)
	return -1
}

// A layer or child that its type calls remote need not be there, and its item
// tells of it; a layer that may not be distributed need not, whatever the type.
func TestRemote(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		withPolicy(t, r, `{"scope":{},"validate":"off"}`)
		for artifactType, want := range map[string]error{"application/vnd.gadget": nil, "application/vnd.other": lading.ErrManifestBlobUnknown} {
			if _, err := putGadget(ctx, r, artifactType, emptyDig, missing, "application/vnd.gadget.far.part"); want == nil && err != nil || want != nil && !errors.Is(err, want) {
				t.Errorf("a layer of %s: %v", artifactType, err)
			}
			raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","artifactType":%q,"manifests":[{"mediaType":"application/vnd.gadget.far.index","digest":%q,"size":2}]}`, artifactType, missing)
			receipt, err := r.PutManifest(ctx, "acme/web", lading.Manifest{Bytes: []byte(raw)}, lading.PutOptions{Tags: []string{"far"}})
			if want == nil && err != nil || want != nil && !errors.Is(err, want) {
				t.Errorf("a child of %s: %v", artifactType, err)
			}
			if want == nil {
				if n := remoteOf(t, ctx, r, receipt.Descriptor.Digest); n != 1 {
					t.Errorf("%d children are shown as remote", n)
				}
				if err := r.DeleteManifest(ctx, "acme/web", receipt.Descriptor.Digest, lading.DeleteOptions{}); err != nil {
					t.Error(err)
				}
			}
		}
		for _, n := range []int{0, 1, 3} {
			layer := fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":%q,"size":2},`, missing)
			raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.far","config":{"mediaType":"application/json","digest":%[1]q,"size":2},
				"layers":[%[2]s{"mediaType":"application/json","digest":%[1]q,"size":2}]}`, emptyDig, strings.Repeat(layer, n))
			receipt, err := r.PutManifest(ctx, "acme/web", lading.Manifest{Bytes: []byte(raw)}, lading.PutOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := remoteOf(t, ctx, r, receipt.Descriptor.Digest); got != int64(n) {
				t.Errorf("%d layers are shown as remote, want %d", got, n)
			}
		}
		// urls alone do not make a layer remote.
		raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.gadget","config":{"mediaType":"application/json","digest":%q,"size":2},
			"layers":[{"mediaType":"application/vnd.gadget.part","digest":%q,"size":2,"urls":["https://acme.example/part"]}]}`, emptyDig, missing)
		if _, err := r.PutManifest(ctx, "acme/web", lading.Manifest{Bytes: []byte(raw)}, lading.PutOptions{}); !errors.Is(err, lading.ErrManifestBlobUnknown) {
			t.Error(err)
		}
	})
}

// A push that was allowed by a policy which has changed is judged again.
func TestJudgedAgain(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		set := setOf(t, gadget)
		types := &someTypes{set: set, generation: 1}
		types.refresh = func() { types.policy, types.generation = &arttype.Policy{Deny: []string{"gadget"}}, 2 }
		r.opt.Types = types
		if _, err := r.cat.DB().ExecDirect(ctx, `UPDATE typing SET generation=2`); err != nil {
			t.Fatal(err)
		}
		if _, err := putGadget(ctx, r, "application/vnd.gadget", emptyDig, emptyDig); !errors.Is(err, lading.ErrTypeRefused) || types.refreshed != 1 {
			t.Errorf("%v after %d readings", err, types.refreshed)
		}
	})
}
