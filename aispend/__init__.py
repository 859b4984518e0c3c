"""aispend: what each AI model and each inference costs, to the cent of the invoice."""
