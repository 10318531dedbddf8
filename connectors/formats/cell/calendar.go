package cell

const (
	micros       = 1_000_000
	microsPerDay = 86400 * micros
)

// days is the days from 1970-01-01 to a date of the proleptic Gregorian
// calendar. Years begin in March here, so that the leap day is the last.
func days(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(int64(year), 400)
	ofEra := int64(year) - era*400
	ofYear := int64((153*(month-3)+2)/5 + day - 1)
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468
}

// civil is the inverse of days.
func civil(d int64) (year int64, month, day int) {
	d += 719468
	era := floorDiv(d, 146097)
	ofEra := d - era*146097
	y := (ofEra - ofEra/1460 + ofEra/36524 - ofEra/146096) / 365
	ofYear := int(ofEra - (365*y + y/4 - y/100))
	m := (5*ofYear + 2) / 153
	year, month, day = y+era*400, m+3, ofYear-(153*m+2)/5+1
	if month > 12 {
		year++
		month -= 12
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

var monthDays = [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func validDate(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
	return day <= monthDays[month-1] || month == 2 && leap && day == 29
}

// Truncate drops the digits of µs beyond precision digits of a second.
func Truncate(us int64, precision int) int64 {
	if precision >= 6 {
		return us
	}
	unit := int64(pow10[6-precision])
	return floorDiv(us, unit) * unit
}

// two reads two digits at s[i:].
func two(s []byte, i int) (int, bool) {
	a, b := s[i]-'0', s[i+1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

// ParseDate reads yyyy-MM-dd as days since 1970-01-01.
func ParseDate(s []byte) (int64, bool) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	century, ok1 := two(s, 0)
	year, ok2 := two(s, 2)
	month, ok3 := two(s, 5)
	day, ok4 := two(s, 8)
	year += century * 100
	if !ok1 || !ok2 || !ok3 || !ok4 || !validDate(year, month, day) {
		return 0, false
	}
	return days(year, month, day), true
}

// ParseTime reads HH:mm[:ss[.fraction]] as µs since midnight. Of up to nine
// fraction digits the first six count.
func ParseTime(s []byte) (int64, bool) {
	if len(s) < 5 || s[2] != ':' {
		return 0, false
	}
	hour, ok1 := two(s, 0)
	minute, ok2 := two(s, 3)
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, false
	}
	us := int64(hour*3600+minute*60) * micros
	if len(s) == 5 {
		return us, true
	}
	rest, ok := seconds(s[5:])
	return us + rest, ok
}

func seconds(s []byte) (int64, bool) {
	if len(s) < 3 || s[0] != ':' {
		return 0, false
	}
	second, ok := two(s, 1)
	if !ok || second > 59 {
		return 0, false
	}
	us := int64(second) * micros
	if len(s) == 3 {
		return us, true
	}
	if s[3] != '.' || len(s) == 4 || len(s) > 13 {
		return 0, false
	}
	for i, c := range s[4:] {
		if c-'0' > 9 {
			return 0, false
		}
		if i < 6 {
			us += int64(c-'0') * int64(pow10[5-i])
		}
	}
	return us, true
}

// ParseTimestamp reads a date and a time with a separator between them, and
// with zone also Z or ±HH:mm at the end, as µs since 1970-01-01 00:00:00.
func ParseTimestamp(s []byte, separator byte, zone bool) (int64, bool) {
	if len(s) < 16 || s[10] != separator {
		return 0, false
	}
	offset := int64(0)
	if zone {
		var ok bool
		if s, offset, ok = cutZone(s); !ok {
			return 0, false
		}
	}
	day, ok1 := ParseDate(s[:10])
	time, ok2 := ParseTime(s[11:])
	return day*microsPerDay + time - offset, ok1 && ok2
}

func cutZone(s []byte) (rest []byte, offset int64, ok bool) {
	n := len(s)
	if s[n-1] == 'Z' {
		return s[:n-1], 0, true
	}
	sign := s[n-6]
	if sign != '+' && sign != '-' {
		return s, 0, true
	}
	offset, ok = ParseTime(s[n-5:])
	if sign == '-' {
		offset = -offset
	}
	return s[:n-6], offset, ok && n-6 >= 16
}

func digit(d int) byte { return byte('0' + d) }

// AppendDate writes days since 1970-01-01 as yyyy-MM-dd.
func AppendDate(dst []byte, d int64) []byte {
	year, month, day := civil(d)
	if year < 0 {
		dst = append(dst, '-')
		year = -year
	}
	dst = appendDigits(dst, year, 4)
	return append(dst, '-', digit(month/10), digit(month%10), '-', digit(day/10), digit(day%10))
}

// AppendTime writes µs since midnight as HH:mm:ss and precision digits.
func AppendTime(dst []byte, us int64, precision int) []byte {
	s := int(us / micros)
	h, m := s/3600, s/60%60
	s %= 60
	dst = append(dst, digit(h/10), digit(h%10), ':', digit(m/10), digit(m%10), ':', digit(s/10), digit(s%10))
	if precision == 0 {
		return dst
	}
	return appendDigits(append(dst, '.'), us%micros/int64(pow10[6-precision]), precision)
}

// AppendTimestamp writes µs since 1970-01-01 00:00:00.
func AppendTimestamp(dst []byte, us int64, precision int, separator byte) []byte {
	d := floorDiv(us, microsPerDay)
	dst = append(AppendDate(dst, d), separator)
	return AppendTime(dst, us-d*microsPerDay, precision)
}

// appendDigits writes v with at least n digits, of which v has at most 19.
func appendDigits(dst []byte, v int64, n int) []byte {
	var digits [19]byte
	at := len(digits)
	for v > 0 || len(digits)-at < n {
		at--
		digits[at] = byte('0' + v%10)
		v /= 10
	}
	return append(dst, digits[at:]...)
}
