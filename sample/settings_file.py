"""The company's own ``aispend.toml``: a few rules and names, as its platform team would have written them."""

from sample.story import AZURE_AI, AZURE_SUBSCRIPTIONS, RESEARCH

_GROUP = f"/subscriptions/{AZURE_AI}/resourcegroups/rg-supply-chain"
PRICING_LAB = f"{_GROUP}/providers/microsoft.compute/virtualmachines/vm-pricing-lab-01"

SETTINGS = f'''# Settings of Larkfield Home, the sample company.
reporting_currency = "USD"

[tags]
team = ["team", "owner"]

# Whatever runs in the research account belongs to research, tagged or not.
[[rule]]
name = "research account"
match = {{ account = "{RESEARCH}" }}
set = {{ team = "research" }}

# Studio notebooks are charged like endpoints; they are not inference.
[[rule]]
name = "notebooks"
match = {{ service = "Amazon SageMaker", sku = "*Notebk*" }}
set = {{ stage = "notebook" }}

[[rule]]
name = "document index"
match = {{ provider = "azure", sku = "*embedding*" }}
set = {{ team = "search", stage = "data" }}

# The pricing lab's machine is called by its old name in the metrics.
[[alias]]
alias = "pricing-lab-01"
provider = "azure"
resource_id = "{PRICING_LAB}"
namespace = "*"

# What the year's plan allows each month.
[[budget]]
name = "AI in all"
amount = 125000

[[budget]]
name = "Claude for support"
amount = 3500
match = {{ model = "claude*" }}

[[budget]]
name = "Personalisation"
amount = 9000
match = {{ team = "personalisation" }}

# Subscriptions, for the reader: {", ".join(f"{name} = {guid}" for guid, name in AZURE_SUBSCRIPTIONS.items())}
'''
