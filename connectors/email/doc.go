// Package email is the connector 'email': rows are mails, by SMTP, several of them
// one when there are many.
package email
