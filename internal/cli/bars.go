package cli

import (
	"io"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// minBar is the size of the smallest blob that has a bar of its own, in bytes:
// what is smaller has come before anybody could read its name.
const minBar = 4 << 20

// bars show on a terminal how far a copy has come: one for everything, and one
// for each large blob while it is on its way. A nil one shows nothing.
type bars struct {
	shown *mpb.Progress
	whole *mpb.Bar
}

// showBars begins to show bars for so many bytes, until stop.
func showBars(w io.Writer, total int64) *bars {
	p := mpb.New(mpb.WithOutput(w), mpb.WithAutoRefresh(), mpb.WithWidth(32), mpb.WithRefreshRate(150*time.Millisecond))
	return &bars{shown: p, whole: p.AddBar(total, withNames("copying", mpb.BarPriority(1<<20))...)}
}

func withNames(name string, more ...mpb.BarOption) []mpb.BarOption {
	return append(more,
		mpb.PrependDecorators(decor.Name(name, decor.WC{W: 24, C: decor.DindentRight})),
		mpb.AppendDecorators(
			decor.CountersKibiByte("% .1f / % .1f", decor.WCSyncSpace),
			decor.AverageSpeed(decor.SizeB1024(0), "% .1f", decor.WCSyncSpace),
			decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace)))
}

// moved counts bytes of everything, those that were there already too.
func (b *bars) moved(n int64) {
	if b != nil && n > 0 {
		b.whole.IncrInt64(n)
	}
}

// blob returns the bar of a blob that is about to be copied; nil for none.
func (b *bars) blob(d ocispec.Descriptor) *mpb.Bar {
	if b == nil || d.Size < minBar {
		return nil
	}
	return b.shown.AddBar(d.Size, withNames(d.Digest.Algorithm().String()+":"+d.Digest.Encoded()[:12], mpb.BarRemoveOnComplete())...)
}

// stop takes the bars away.
func (b *bars) stop() {
	if b == nil {
		return
	}
	b.whole.Abort(true)
	b.shown.Shutdown()
}
