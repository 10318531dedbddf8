// Package function holds what SQL expressions mean: the type rules of
// operators, the casts, the scalar functions and the aggregates.
//
// The binder asks Arith, Neg, Comparable, CommonType and CanCast for types,
// inserts the casts they call for, and finds functions by Lookup and
// Aggregate; kernels compute with Cast and with the functions' Eval. Types
// follow Flink SQL, except that an overflow is an error instead of a NULL and
// that AVG of integers is a DOUBLE.
//
// # Calling convention of special syntax
//
// Keywords become STRING constants (upper case, as written):
//
//	EXTRACT(unit FROM x)                  EXTRACT('UNIT', x)
//	CEIL(x TO unit), FLOOR(x TO unit)     CEIL(x, 'UNIT'), FLOOR(x, 'UNIT')
//	TIMESTAMPADD(unit, n, t)              TIMESTAMPADD('UNIT', n, t)
//	TIMESTAMPDIFF(unit, a, b)             TIMESTAMPDIFF('UNIT', a, b)
//	TRIM(s)                               TRIM(s)
//	TRIM(side [chars] FROM s)             TRIM('BOTH' | 'LEADING' | 'TRAILING', chars, s); chars ' ' when left out
//	TRIM(chars FROM s)                    TRIM('BOTH', chars, s)
//	SUBSTRING(s FROM i [FOR n])           SUBSTRING(s, i [, n])
//	POSITION(a IN b)                      POSITION(a, b)
//	OVERLAY(s PLACING t FROM i [FOR n])   OVERLAY(s, t, i [, n])
//	a || b                                CONCAT(a, b), also found as "||"
//	x LIKE p [ESCAPE e], not constant     LIKE(x, p [, e])
//	x SIMILAR TO p [ESCAPE e]             SIMILAR_TO(x, p [, e])
//	x IS JSON [kind]                      IS_JSON(x [, 'VALUE' | 'OBJECT' | 'ARRAY' | 'SCALAR'])
//	CURRENT_TIMESTAMP and the like        CURRENT_TIMESTAMP() without arguments
//
//	JSON_VALUE(j, p [RETURNING t] [e ON EMPTY] [e ON ERROR])
//	    JSON_VALUE(j, p [, onEmpty, emptyDefault [, onError, errorDefault]])
//	    onEmpty and onError: 'NULL' | 'ERROR' | 'DEFAULT'; a default is any
//	    value, NULL where there is none. RETURNING is a Cast around the call.
//	JSON_QUERY(j, p [wrapper] [e ON EMPTY] [e ON ERROR])
//	    JSON_QUERY(j, p [, wrapper [, onEmpty [, onError]]])
//	    wrapper: 'WITHOUT' | 'CONDITIONAL' | 'UNCONDITIONAL' (plain WITH WRAPPER);
//	    onEmpty and onError: 'NULL' | 'ERROR' | 'EMPTY ARRAY' | 'EMPTY OBJECT'
//	JSON_EXISTS(j, p [e ON ERROR])
//	    JSON_EXISTS(j, p [, 'TRUE' | 'FALSE' | 'UNKNOWN' | 'ERROR'])
//	JSON_OBJECT(KEY k VALUE v, … [e ON NULL])
//	    JSON_OBJECT('NULL' | 'ABSENT', k, v, …)
//	JSON_ARRAY(x, … [e ON NULL])
//	    JSON_ARRAY('NULL' | 'ABSENT', x, …); SQL's default is 'ABSENT'
//
// COALESCE, NULLIF, IF and IFNULL are no functions: the binder makes them CASE.
// COUNT(*) is COUNT without arguments. DISTINCT, FILTER and ORDER BY of an
// aggregate are its caller's business.
//
// A function is Volatile when its value depends on more than its arguments: on
// the processing time or, for a result that is not TIMESTAMP_LTZ, on the
// session's zone.
//
// # Results as text
//
// Text gives a value as CAST(x AS STRING) does; the examples of the functions
// are written so. Format gives it as an SQL literal.
package function
