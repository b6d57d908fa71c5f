// Package scroll is the place in a text that is longer than the screen.
package scroll

// Place is the first line shown of a text. The zero value is its beginning.
type Place struct{ top, page, total int }

// Fit tells how long the text is and how much of it can be shown, and returns the first and the end of what is.
func (p *Place) Fit(total, page int) (first, end int) {
	p.total, p.page = total, max(0, page)
	p.to(p.top)
	return p.top, min(total, p.top+p.page)
}

// Hidden is how many lines there are above and below what is shown.
func (p *Place) Hidden() (above, below int) { return p.top, max(0, p.total-p.top-p.page) }

// Scroll moves by lines.
func (p *Place) Scroll(n int) { p.to(p.top + n) }

// Page moves by pages, one line of which stays.
func (p *Place) Page(n int) { p.to(p.top + n*max(1, p.page-1)) }

// Top moves to the beginning.
func (p *Place) Top() { p.to(0) }

// Bottom moves to the end.
func (p *Place) Bottom() { p.to(p.total) }

func (p *Place) to(top int) { p.top = max(0, min(top, p.total-p.page)) }
