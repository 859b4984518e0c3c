"""What is known about SKUs, hardware, models and prices: reviewed, dated data and the pure functions over it.

    accelerators   accelerators.toml, instance_types.csv    what a machine carries, and what one card is
    models         models.toml                              one name per model, however bill or telemetry writes it
    tokens                                                  what one unit of a token-priced SKU buys
    classify       ai_spend.toml                            is it AI spend, on which platform, for which stage
    prices         prices.csv, reference_prices.toml        dated hourly prices, and cheaper machines
    token_prices                                            what APIs charge for a model's tokens
    break_even                                              serving a model beside buying its tokens; payback

No database, no network, no clock: files of this package are read once, at first use.
"""
