"""The one name of an Azure region, of the several that exports and price lists write.

Method
    An export writes a region as its id (``eastus``), with capitals (``EastUS``), as it is shown (``East US 2``), or the
    way older agreements do, the country first (``US East 2``). All become the id, which price lists, inventories and
    FOCUS have. What is no region of these is left as it is, but for case and blanks.

Source
    Microsoft's FinOps toolkit, open data: Regions.csv (commit 04d370f, MIT licence), the names in several words.
"""

from __future__ import annotations

_COUNTRY_FIRST = """
    aecentral uaecentral; aenorth uaenorth; apeast eastasia; apsoutheast southeastasia; ateast austriaeast;
    aucentral australiacentral; aucentral2 australiacentral2; aueast australiaeast; ausoutheast australiasoutheast;
    becentral belgiumcentral; brsouth brazilsouth; brsoutheast brazilsoutheast; cacentral canadacentral;
    caeast canadaeast; chnorth switzerlandnorth; chwest switzerlandwest; clcentral chilecentral; cneast chinaeast;
    cneast2 chinaeast2; cneast3 chinaeast3; cnnorth chinanorth; cnnorth2 chinanorth2; cnnorth3 chinanorth3;
    decentral germanycentral; denorth germanynorth; denortheast germanynortheast; dewestcentral germanywestcentral;
    escentral spaincentral; eunorth northeurope; euwest westeurope; ficentral finlandcentral;
    frcentral francecentral; frsouth francesouth; grcentral greececentral; idcentral indonesiacentral;
    ilcentral israelcentral; incentral centralindia; incentraljio jioindiacentral; insouth southindia;
    insouthcentral indiasouthcentral; inwest westindia; inwestjio jioindiawest; itnorth italynorth;
    jaeast japaneast; jawest japanwest; krcentral koreacentral; krsouth koreasouth; mxcentral mexicocentral;
    mywest malaysiawest; noeast norwayeast; nowest norwaywest; nznorth newzealandnorth; plcentral polandcentral;
    qacentral qatarcentral; saeast saudiarabiaeast; secentral swedencentral; sesouth swedensouth;
    twnorth taiwannorth; uscentral centralus; useast eastus; useast2 eastus2; useast3 eastus3; usgovaz usgovarizona;
    usgovsouthcentral usgovtexas; usgovtx usgovtexas; usnorthcentral northcentralus; ussouthcentral southcentralus;
    uswest westus; uswest2 westus2; uswest3 westus3; uswestcentral westcentralus; zanorth southafricanorth;
    zawest southafricawest
"""
"""Names without their blanks, each with its id."""
_IDS = dict(pair.split() for pair in _COUNTRY_FIRST.split(";"))


def region_sql(text: str) -> str:
    """SQL: the id of the region that ``text`` names."""
    name = f"replace(lower({text}), ' ', '')"
    known = " ".join(f"WHEN '{alias}' THEN '{region}'" for alias, region in _IDS.items())
    return f"CASE {name} {known} ELSE {name} END"
