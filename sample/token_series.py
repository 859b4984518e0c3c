"""What Larkfield Home buys by the token: who asks which model, how often, and how much."""

from __future__ import annotations

from sample.demand import Series
from sample.google_projects import GCP_GENAI
from sample.story import AZURE_AI, AZURE_DATA, AZURE_EU, COMMERCE, SERVING

SERIES = [
    Series(
        name="support-agent", bill="aws", account=SERVING, region="us-east-1", endpoint="support-agent",
        model="claude-sonnet-4", team="support", requests=260, tokens_in=5200, tokens_out=420, cached=0.45,
        cache_write=0.05, reasoning=0.2, first_day=300, growth=0.3, latency_ms=2600,
    ),
    Series(
        name="copy-writer", bill="aws", account=SERVING, region="us-east-1", endpoint="copy-writer",
        model="claude-sonnet-4", team="catalog", requests=45, tokens_in=1800, tokens_out=650, weekend=0.2, swing=0.8,
        latency_ms=5200,
    ),
    Series(
        name="mail-sorter", bill="aws", account=COMMERCE, region="us-east-1", endpoint="", model="nova-lite",
        team="marketing", requests=2600, tokens_in=1400, tokens_out=60, tagged=False, latency_ms=420,
    ),
    Series(
        name="review-digest", bill="aws", account=COMMERCE, region="us-east-1", endpoint="", model="nova-lite",
        team="personalisation", requests=900, tokens_in=3300, tokens_out=160, tagged=False, latency_ms=700,
    ),
    Series(
        name="intranet-chat", bill="azure-usd", account=AZURE_AI, region="eastus", endpoint="lk-openai-eastus",
        model="gpt-4o", team="it", requests=420, tokens_in=1500, tokens_out=310, cached=0.2, weekend=0.12, swing=0.85,
        latency_ms=1900,
    ),
    Series(
        name="product-faq", bill="azure-usd", account=AZURE_AI, region="eastus", endpoint="lk-openai-eastus",
        model="gpt-4o-mini", team="stores", requests=3800, tokens_in=1700, tokens_out=190, cached=0.3, latency_ms=800,
    ),
    Series(
        name="doc-index", bill="azure-usd", account=AZURE_DATA, region="eastus", endpoint="lk-openai-index",
        model="text-embedding-3-large", team="search", requests=5200, tokens_in=900, tokens_out=0, swing=0.2,
        peak_hour=3, latency_ms=90,
    ),
    Series(
        name="store-helpdesk", bill="azure-eur", account=AZURE_EU, region="westeurope", endpoint="lk-openai-weu",
        model="gpt-4o-mini", team="stores", requests=2400, tokens_in=1200, tokens_out=220, peak_hour=11, latency_ms=820,
    ),
    Series(
        name="room-prompts", bill="gcp", account=GCP_GENAI, region="us-central1", endpoint="room-prompts",
        model="gemini-2.5-flash", team="design", requests=3100, tokens_in=1100, tokens_out=380, first_day=260,
        latency_ms=1100,
    ),
    Series(
        name="planner", bill="gcp", account=GCP_GENAI, region="us-central1", endpoint="planner",
        model="gemini-2.5-pro", team="supply-chain", requests=140, tokens_in=6400, tokens_out=900, reasoning=0.5,
        first_day=210, weekend=0.3, latency_ms=9000,
    ),
    Series(
        name="assistant", bill="aws", account=SERVING, region="us-east-1", endpoint="assistant-llm",
        model="llama-3.1-70b", team="support", requests=5200, tokens_in=1150, tokens_out=230,
        token_api=False, latency_ms=3100,
    ),
    Series(
        name="replies", bill="aws", account=SERVING, region="us-east-1", endpoint="reply-gen",
        model="mistral-7b", team="support", requests=8800, tokens_in=820, tokens_out=140, growth=0.85,
        token_api=False, latency_ms=900,
    ),
    Series(
        name="embeddings", bill="aws", account=SERVING, region="us-east-1", endpoint="search-embed",
        model="bge-large-en", team="search", requests=42000, tokens_in=38, tokens_out=0, token_api=False, latency_ms=14,
    ),
    Series(
        name="rerank", bill="aws", account=SERVING, region="us-east-1", endpoint="rerank", model="product-ranker",
        team="personalisation", requests=61000, tokens_in=0, tokens_out=0, token_api=False, latency_ms=22,
    ),
    Series(
        name="fraud", bill="aws", account=COMMERCE, region="us-east-1", endpoint="fraud-score", model="fraud-net",
        team="risk", requests=9400, tokens_in=0, tokens_out=0, token_api=False, latency_ms=9,
    ),
    Series(
        name="image-search", bill="aws", account=SERVING, region="us-east-1", endpoint="image-search",
        model="clip-vit-l14", team="search", requests=3000, tokens_in=0, tokens_out=0, token_api=False, latency_ms=60,
    ),
    Series(
        name="sentiment", bill="aws", account=SERVING, region="us-east-1", endpoint="sentiment-prod",
        model="distilbert-reviews", team="marketing", requests=2100, tokens_in=180, tokens_out=0, token_api=False,
        latency_ms=18,
    ),
    Series(
        name="sentiment-v1", bill="aws", account=SERVING, region="us-east-1", endpoint="sentiment-v1",
        model="distilbert-reviews", team="marketing", requests=600, tokens_in=180, tokens_out=0, token_api=False,
        first_day=330, last_day=45, latency_ms=20,
    ),
    Series(
        name="code-pilot", bill="aws", account=SERVING, region="us-east-1", endpoint="code-pilot",
        model="codellama-34b", team="research", requests=240, tokens_in=2400, tokens_out=260, token_api=False,
        first_day=95, last_day=50, weekend=0.1, swing=0.85, latency_ms=4100,
    ),
    Series(
        name="catalog-vision", bill="aws", account=SERVING, region="us-east-1", endpoint="catalog-infer",
        model="catalog-vision", team="catalog", requests=1900, tokens_in=0, tokens_out=0, token_api=False,
        first_day=130, latency_ms=120,
    ),
    Series(
        name="stylist", bill="gcp", account=GCP_GENAI, region="us-central1", endpoint="stylist",
        model="style-embedding", team="design", requests=700, tokens_in=0, tokens_out=0, token_api=False,
        first_day=150, latency_ms=45,
    ),
    Series(
        name="store-assistant", bill="azure-usd", account=AZURE_AI, region="eastus", endpoint="store-assistant",
        model="phi-4", team="stores", requests=2900, tokens_in=760, tokens_out=180, token_api=False, latency_ms=1300,
    ),
    Series(
        name="shelf-scan", bill="azure-eur", account=AZURE_EU, region="westeurope", endpoint="shelf-scan",
        model="shelf-vision", team="stores", requests=800, tokens_in=0, tokens_out=0, token_api=False, peak_hour=10,
        latency_ms=75,
    ),
]  # fmt: skip
