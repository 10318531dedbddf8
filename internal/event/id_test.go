package event

import "testing"

func TestIDText(t *testing.T) {
	for _, id := range []ID{{}, {1, 2}, Detection(0xfedc_ba98, 7), {1<<63 | 1, 1<<64 - 1}} {
		if got, err := ParseID(id.Hex()); err != nil || got != id || len(id.Hex()) != 32 {
			t.Errorf("%v is %q and back %v, %v", id, id.Hex(), got, err)
		}
	}
	for _, text := range []string{"", "17", "zz000000000000000000000000000000", ID{}.Hex() + "00"} {
		if _, err := ParseID(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
